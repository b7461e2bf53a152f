"""The comparison as sentences and one table, in Markdown: for a pull request, an issue or a paper.

Every number comes from the frames, and the words follow the intervals: a difference whose interval crosses
zero, or a ratio whose interval crosses one, is called no difference.
"""

from collections.abc import Mapping
from typing import Any, Final

import pandas as pd

from reports import numbers
from reports.save import cell, line

_COLUMNS: Final = ("run", "network", "accuracy", "on", "latency", "parameters", "multiply-adds")
_MEANING: Final = {
    "better": "more accurate by {}",
    "worse": "less accurate by {}",
    "no difference": "no difference in accuracy that the images can show: {}",
}
_PACE: Final = {
    "faster": "faster: {} times the latency",
    "slower": "slower: {} times the latency",
    "no difference": "no difference in latency that the measurements can show: {} times the latency",
}


def findings(frames: Mapping[str, pd.DataFrame]) -> str:
    """Write the finished networks as a table, and each comparison as a sentence.

    Args:
        frames: As `compare` returns them.
    """
    return f"{finished_table(frames['candidates'])}\n{sentences(frames['comparison'])}"


def finished_table(candidates: pd.DataFrame) -> str:
    """Write every network that is no mere trial as a row of a Markdown table."""
    finished = candidates[candidates["kind"] != "trial"]
    rows = [line(list(_COLUMNS)), line(["---", "---", "---:", "---", "---:", "---:", "---:"])]
    rows += [line(_cells(row)) for _, row in finished.iterrows()]
    return "\n".join(rows) + "\n"


def sentences(comparison: pd.DataFrame) -> str:
    """Write every row of the `COMPARISON` frame as an item of a list."""
    return "\n".join(f"- {_sentence(row)}" for _, row in comparison.iterrows()) + "\n"


def _cells(row: "pd.Series[Any]") -> list[str]:
    bounds = numbers.percent_between(row["accuracy_low"], row["accuracy_high"])
    accuracy = numbers.percent(row["accuracy"]) + (f" ({bounds})" if bounds else "")
    bounds = numbers.milliseconds_between(row["latency_low_ms"], row["latency_high_ms"])
    latency = numbers.milliseconds(row["latency_ms"]) + (f" ({bounds})" if bounds else "")
    split = "" if numbers.is_missing(row["accuracy"]) else f"{row['split']} images"
    name = f"{row['candidate']}: {row['architecture']}" if row["kind"] == "winner" else row["candidate"]
    sizes = [numbers.count(row["parameters"]), numbers.count(row["macs"])]
    return [cell(row["run"]), cell(name), accuracy, split, latency, *sizes]


def _sentence(row: "pd.Series[Any]") -> str:
    said = [_accuracy(row), _latency(row), *_sizes(row)]
    named = f"{cell(row['run'])}, {cell(row['candidate'])}, against {cell(row['baseline'])}"
    note = "" if numbers.is_missing(row["note"]) else f" ({cell(row['note'])})"
    return f"**{named}**: {'; '.join(part for part in said if part)}{note}."


def _accuracy(row: "pd.Series[Any]") -> str:
    if numbers.is_missing(row["accuracy_says"]):
        return ""
    amount = numbers.points(row["accuracy_difference"])
    if row["accuracy_says"] != "no difference":
        amount = amount.lstrip("+-")  # the word says which way
    bounds = f"{100 * row['accuracy_low']:+.1f} to {100 * row['accuracy_high']:+.1f}"
    paired = ", image by image" if row["accuracy_paired"] else ""
    return f"{_MEANING[row['accuracy_says']].format(amount)} ({bounds}{paired})"


def _latency(row: "pd.Series[Any]") -> str:
    if numbers.is_missing(row["latency_says"]):
        return ""
    ratio, low, high = (numbers.significant(row[f"latency_{key}"]) for key in ("ratio", "low", "high"))
    return f"{_PACE[row['latency_says']].format(ratio)} ({low} to {high})"


def _sizes(row: "pd.Series[Any]") -> list[str]:
    names = {"parameters_ratio": "parameters", "macs_ratio": "multiply-adds"}
    return [
        f"{numbers.significant(row[column])} times the {name}"
        for column, name in names.items()
        if not numbers.is_missing(row[column])
    ]
