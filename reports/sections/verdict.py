"""The first thing a reader sees: which network to ship, in one sentence, and why."""

from collections.abc import Mapping
from typing import Any, Final

import pandas as pd
from markupsafe import Markup

from reports import numbers
from reports.candidates import by_setting
from reports.comparison import Side, compare_two
from reports.content import Content

_SAYS: Final = {
    "meets": Markup(
        "ship {name}: {accuracy} of {split} images right, {latency} {each}{where}, inside {budget}."
    ),
    "undecided": Markup(
        "nothing is surely inside the budget. The best is {name}: {accuracy} of {split} images right, "
        "{latency} {each}{where}, and the interval of its latency crosses {budget}."
    ),
    "fails": Markup(
        "nothing meets the budget. The nearest is {name}: {accuracy} of {split} images right, "
        "{latency} {each}{where}, over {budget}."
    ),
}
_SHIPPABLE: Final = ("meets", "undecided")


def verdict_section(content: Content) -> Mapping[str, Any]:
    """Say what to ship on every device and data set, or why nothing can be."""
    certified = _certified(content.rows)
    if not len(certified):
        verdict = {"sentence": _without_winner(content.rows), "reasons": []}
        return {"runs": content.runs, "verdict": verdict, "tiles": []}
    groups = [group for _, group in by_setting(certified, content.names)]
    sentences = [_sentence(best_of(group), is_only=len(groups) == 1) for group in groups]
    best = best_of(groups[0])
    verdict = {
        "sentence": sentences[0],
        "reasons": [*_alternatives(content, groups[0], best), *sentences[1:]],
    }
    return {"runs": content.runs, "verdict": verdict, "tiles": _tiles(content.rows, best)}


def best_of(group: pd.DataFrame) -> "pd.Series[Any]":
    """Return the network to ship of those measured alike.

    The most accurate on validation images that meets the budget, else that might; else the fastest. The test
    images say how good the choice is and take no part in it.
    """
    for verdict in _SHIPPABLE:
        inside = group[group["verdict"] == verdict]
        if len(inside):
            chosen_by = inside["validation_accuracy"].fillna(inside["accuracy"])
            order = inside.assign(chosen_by=-chosen_by).sort_values(
                ["chosen_by", "latency_ms"], kind="stable"
            )
            return inside.loc[order.index[0]]
    return group.sort_values("latency_ms", kind="stable").iloc[0]


def _certified(rows: pd.DataFrame) -> pd.DataFrame:
    return rows[(rows["kind"] == "winner") & rows["latency_ms"].notna() & rows["accuracy"].notna()]


def _name(row: "pd.Series[Any]") -> Markup:
    return Markup("<strong>{} of <bdi>{}</bdi></strong>").format(row["candidate"], row["run"][:80])


def _number(text: str) -> Markup:
    return Markup('<span class="num">{}</span>').format(text)


def _sentence(best: "pd.Series[Any]", *, is_only: bool) -> Markup:
    device = Markup("<bdi>{}</bdi>").format(best["device"] or "an unnamed device")
    # The device stands in front where another sentence follows for another one.
    text = _SAYS[best["verdict"]].format(
        name=_name(best),
        accuracy=_number(numbers.percent(best["accuracy"])),
        split=best["split"],
        latency=_number(numbers.milliseconds(best["latency_ms"])),
        each=_each(best),
        where=Markup(" on {}").format(device) if is_only else "",
        budget=Markup("the budget of {}").format(_number(numbers.budget(best["budget"], best["budget_ms"]))),
    )
    if is_only:
        return Markup(text[:1].upper() + text[1:])
    spec = best["data"].rpartition(" ")[0] or best["data"] or "unnamed data"
    setting = f"{best['dtype']}, batch {best['batch']}, {spec}"
    return Markup("On {} ({}): ").format(device, setting[:100]) + text


def _each(row: "pd.Series[Any]") -> str:
    return "a pass" if row["batch"] == 1 else f"a pass of {row['batch']} images"


def _alternatives(content: Content, group: pd.DataFrame, best: "pd.Series[Any]") -> list[Markup]:
    """Name the fastest of the others that are inside the budget as well, with what it costs."""
    inside = group[group["verdict"] == best["verdict"]]
    if len(inside) < 2:
        return []
    fastest = inside.sort_values("latency_ms", kind="stable").iloc[0]
    if fastest.name == best.name:
        text = Markup(
            "It is the fastest of {} networks certified there and the most accurate on validation images."
        )
        return [text.format(len(inside))]
    found = compare_two(Side.of(content.runs, fastest), Side.of(content.runs, best))
    said = {
        "no difference": Markup("no difference in accuracy that the test images can show ({})"),
        "worse": Markup("less accurate by {}"),
        "better": Markup("on the test images more accurate by {}"),
    }
    accuracy = said.get(found.get("accuracy_says", ""), Markup("{} in accuracy"))
    return [
        Markup(
            "Of {} networks certified there it is the most accurate on validation images. "
            "The fastest is {}, which takes {} as long: {}."
        ).format(
            len(inside),
            _name(fastest),
            numbers.percent(fastest["latency_ms"] / best["latency_ms"], 0),
            accuracy.format(_number(numbers.points(fastest["accuracy"] - best["accuracy"]))),
        )
    ]


def _without_winner(rows: pd.DataFrame) -> Markup:
    inside = rows[(rows["verdict"] == "meets") & rows["accuracy"].notna()]
    if len(inside):
        best = inside.sort_values("accuracy", ascending=False, kind="stable").iloc[0]
        return Markup(
            "No network is finished yet. The best so far is {}: {} of {} images right at {}."
        ).format(
            _name(best),
            _number(numbers.percent(best["accuracy"])),
            best["split"],
            _number(numbers.milliseconds(best["latency_ms"])),
        )
    measured = rows[rows["latency_ms"].notna()].sort_values("latency_ms", kind="stable")
    if not len(measured):
        return Markup("Nothing has been measured yet.")
    nearest = measured.iloc[0]
    fastest = _number(numbers.milliseconds(nearest["latency_ms"]))
    if pd.isna(nearest["budget_ms"]):
        return Markup("{} networks were measured. The fastest is {}: {} a pass.").format(
            len(measured), _name(nearest), fastest
        )
    budget = _number(numbers.budget(nearest["budget"], nearest["budget_ms"]))
    if nearest["verdict"] == "undecided":
        bounds = numbers.milliseconds_between(nearest["latency_low_ms"], nearest["latency_high_ms"])
        return Markup(
            "Nothing is surely inside the budget of {}. The fastest network measured, {}, takes {}, but its "
            "interval ({}) crosses the budget: measure on a quieter machine."
        ).format(budget, _name(nearest), fastest, _number(bounds))
    return Markup("Nothing meets the budget of {}. The fastest network measured, {}, takes {}.").format(
        budget, _name(nearest), fastest
    )


def _tiles(rows: pd.DataFrame, best: "pd.Series[Any]") -> list[dict[str, str]]:
    tiles = [
        (
            f"{best['split']} accuracy",
            numbers.percent(best["accuracy"]),
            numbers.percent_between(best["accuracy_low"], best["accuracy_high"]),
        ),
        (
            "latency, median",
            numbers.milliseconds(best["latency_ms"]),
            numbers.milliseconds_between(best["latency_low_ms"], best["latency_high_ms"]),
        ),
        (
            "latency, 95th percentile",
            numbers.milliseconds(best["latency_p95_ms"]),
            f"{best['dtype']}, batch {best['batch']}",
        ),
        (
            "parameters",
            numbers.count(best["parameters"]),
            f"{numbers.count(best['macs'])} multiply-adds",
        ),
    ]
    same = (rows["run"] == best["run"]) & (rows["rank"] == best["rank"])
    before = rows[same & (rows["kind"] == "before") & rows["latency_ms"].notna()]
    if len(before):
        first = before.iloc[0]
        tiles.append(
            (
                "pruned to",
                numbers.percent(best["latency_ms"] / first["latency_ms"], 0),
                f"of its latency, {numbers.points(best['accuracy'] - first['accuracy'])} of accuracy",
            )
        )
    return [{"label": label, "value": value, "note": note} for label, value, note in tiles]
