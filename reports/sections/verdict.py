"""The first thing a reader sees: which network to ship, in one sentence, and why."""

from collections.abc import Mapping
from typing import Any

import pandas as pd
from markupsafe import Markup

from reports import numbers
from reports.candidates import SETTING
from reports.content import Content


def verdict_section(content: Content) -> Mapping[str, Any]:
    """Say what to ship on every device, or why nothing can be."""
    certified = _certified(content.rows)
    if not len(certified):
        return {
            "runs": content.runs,
            "verdict": {"sentence": _without_winner(content), "reasons": []},
            "tiles": [],
        }
    groups = [group for _, group in certified.groupby(SETTING, dropna=False, sort=False)]
    sentences = [_sentence(group, is_only=len(groups) == 1) for group in groups]
    best = _best(groups[0])
    reasons = [*_alternatives(groups[0], best), *sentences[1:]]
    return {
        "runs": content.runs,
        "verdict": {"sentence": sentences[0], "reasons": reasons},
        "tiles": _tiles(content.rows, best),
    }


def _certified(rows: pd.DataFrame) -> pd.DataFrame:
    return rows[(rows["kind"] == "winner") & rows["latency_ms"].notna() & rows["accuracy"].notna()]


def _best(group: pd.DataFrame) -> "pd.Series[Any]":
    for verdict in ("meets", "undecided"):
        inside = group[group["verdict"] == verdict]
        if len(inside):
            ordered = inside.sort_values(["accuracy", "latency_ms"], ascending=[False, True], kind="stable")
            return ordered.iloc[0]
    return group.sort_values("latency_ms", kind="stable").iloc[0]


def _sentence(group: pd.DataFrame, *, is_only: bool) -> Markup:
    best = _best(group)
    where = Markup("") if is_only else Markup("On {}: ").format(best["device"])
    says = {
        "meets": Markup(
            "{}ship <strong>{} of <bdi>{}</bdi></strong>: {} of {} images right, {} a pass, {}inside {}."
        ),
        "undecided": Markup(
            "{}nothing is surely inside the budget. The best is <strong>{} of <bdi>{}</bdi></strong>: "
            "{} of {} images right, {} a pass, {}and the interval of its latency crosses {}."
        ),
        "fails": Markup(
            "{}nothing meets the budget. The nearest is <strong>{} of <bdi>{}</bdi></strong>: "
            "{} of {} images right, {} a pass, {}over {}."
        ),
    }
    text = says[best["verdict"]].format(
        where,
        best["candidate"],
        best["run"][:80],
        Markup('<span class="num">{}</span>').format(numbers.percent(best["accuracy"])),
        best["split"],
        Markup('<span class="num">{}</span>').format(numbers.milliseconds(best["latency_ms"])),
        Markup("") if not is_only else Markup("on {}, ").format(best["device"] or "an unnamed device"),
        Markup('the budget of <span class="num">{}</span>').format(numbers.milliseconds(best["budget_ms"])),
    )
    return text if where else Markup(text[:1].upper() + text[1:])


def _alternatives(group: pd.DataFrame, best: "pd.Series[Any]") -> list[Markup]:
    """Name the fastest certified winner as well, where that is another one."""
    inside = group[group["verdict"] == best["verdict"]]
    fastest = inside.sort_values("latency_ms", kind="stable").iloc[0]
    if len(inside) < 2:
        return []
    if fastest.name == best.name:
        return [
            Markup("It is the most accurate and the fastest of {} networks compared.").format(len(inside))
        ]
    return [
        Markup(
            "It is the most accurate of {} networks compared. The fastest is <strong>{} of <bdi>{}</bdi></strong>: "
            "{} of the time, {} in accuracy."
        ).format(
            len(inside),
            fastest["candidate"],
            fastest["run"][:80],
            numbers.percent(fastest["latency_ms"] / best["latency_ms"], 0),
            numbers.points(fastest["accuracy"] - best["accuracy"]),
        )
    ]


def _without_winner(content: Content) -> Markup:
    rows = content.rows
    inside = rows[(rows["verdict"] == "meets") & rows["accuracy"].notna()]
    if len(inside):
        best = inside.sort_values("accuracy", ascending=False, kind="stable").iloc[0]
        return Markup(
            "No network is finished yet. The best so far is <strong>{} of <bdi>{}</bdi></strong>: {} of validation "
            "images right at {}."
        ).format(
            best["candidate"],
            best["run"][:80],
            numbers.percent(best["accuracy"]),
            numbers.milliseconds(best["latency_ms"]),
        )
    measured = rows[rows["latency_ms"].notna()]
    if len(measured):
        nearest = measured.sort_values("latency_ms", kind="stable").iloc[0]
        return Markup(
            "Nothing meets the budget. The fastest network measured takes {}, and the budget is {}."
        ).format(numbers.milliseconds(nearest["latency_ms"]), numbers.milliseconds(nearest["budget_ms"]))
    return Markup("Nothing has been measured yet.")


def _tiles(rows: pd.DataFrame, best: "pd.Series[Any]") -> list[dict[str, str]]:
    tiles = [
        {
            "label": f"{best['split']} accuracy",
            "value": numbers.percent(best["accuracy"]),
            "note": numbers.percent_between(best["accuracy_low"], best["accuracy_high"]),
        },
        {
            "label": "latency, median",
            "value": numbers.milliseconds(best["latency_ms"]),
            "note": numbers.milliseconds_between(best["latency_low_ms"], best["latency_high_ms"]),
        },
        {
            "label": "of the budget",
            "value": numbers.percent(best["latency_ms"] / best["budget_ms"], 0),
            "note": f"{numbers.milliseconds(best['budget_ms'])}, {best['dtype']}, batch {best['batch']}",
        },
        {
            "label": "parameters",
            "value": numbers.count(best["parameters"]),
            "note": f"{numbers.count(best['macs'])} multiply-adds",
        },
    ]
    before = rows[(rows["run"] == best["run"]) & (rows["rank"] == best["rank"]) & (rows["kind"] == "before")]
    if len(before) and pd.notna(before.iloc[0]["latency_ms"]):
        first = before.iloc[0]
        change = numbers.points(best["accuracy"] - first["accuracy"])
        tiles.append(
            {
                "label": "pruned to",
                "value": numbers.percent(best["latency_ms"] / first["latency_ms"], 0),
                "note": f"of its latency, {change} of accuracy",
            }
        )
    return tiles
