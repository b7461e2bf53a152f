"""The comparison frame: winners against a baseline, and in words only what the intervals allow."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import exp, log, sqrt
from typing import Any

import pandas as pd

from millinet.errors import UnknownNameError
from millinet.frames import COMPARISON, PREDICTIONS
from millinet.statistics import Interval
from reports.candidates import SETTING
from reports.load import Run


@dataclass(frozen=True, slots=True)
class Side:
    """One of the two networks compared."""

    row: "pd.Series[Any]"
    """Its row of the `CANDIDATES` frame."""
    predictions: pd.DataFrame
    """Its `PREDICTIONS` frame; empty where none were kept."""

    @classmethod
    def of(cls, runs: Sequence[Run], row: "pd.Series[Any]") -> "Side":
        """Find what else is known of the candidate in `row`."""
        for run in runs:
            for entry in run.winners:
                if run.name == row["run"] and pd.notna(row["rank"]) and entry.rank == row["rank"]:
                    found = entry.before if row["kind"] == "before" else entry
                    return cls(row, PREDICTIONS.frame() if found is None else found.predictions)
        return cls(row, PREDICTIONS.frame())


def difference_interval(first: Interval, second: Interval, *, correlation: float = 0.0) -> Interval:
    """Bound the difference of two estimates from their own intervals.

    For two Wilson intervals this is the hybrid score interval, for two medians the method of variance
    estimates recovery. A correlation above 0, as of two networks judged on the same images, narrows it.

    Args:
        first: The estimate and its interval.
        second: What is taken from it.
        correlation: Of the two estimates, in [-1, 1]; 0 where they are independent.

    Source: Newcombe, "Interval estimation for the difference between independent proportions", 1998, method
    10, and "Improved confidence intervals for the difference between binomial proportions based on paired
    data", 1998, method 10; Zou & Donner, "Construction of confidence limits about effect measures", 2008.
    """
    below = _spread(first.estimate - first.low, second.high - second.estimate, correlation)
    above = _spread(first.high - first.estimate, second.estimate - second.low, correlation)
    difference = first.estimate - second.estimate
    return Interval(difference, difference - below, difference + above)


def ratio_interval(first: Interval, second: Interval) -> Interval:
    """Bound the ratio of two positive estimates: a difference of logarithms."""
    logs = difference_interval(Interval(*map(log, first)), Interval(*map(log, second)))
    return Interval(*map(exp, logs))


def comparison(runs: Sequence[Run], candidates: pd.DataFrame, *, baseline: str | None = None) -> pd.DataFrame:
    """Compare every finished or profiled network with the baseline, and pruned ones with themselves before.

    Args:
        runs: The runs that `candidates` was made from.
        candidates: The `CANDIDATES` frame.
        baseline: A run, or `RUN/RANK`; the first run's first finished network if None.

    Raises:
        UnknownNameError: If `baseline` names no run, or one without such a network.
    """
    finished = candidates[candidates["kind"] != "trial"]
    finished = finished[finished["latency_ms"].notna() | finished["accuracy"].notna()]
    if not len(finished):
        if baseline is not None:
            raise UnknownNameError(
                f"no baseline called {baseline!r}; no run has a finished network to compare with"
            )
        return COMPARISON.frame()
    standard = baseline_row(finished, baseline)
    rows = []
    for _, row in finished[finished["kind"] != "before"].iterrows():
        before = _unpruned(finished, row)
        if before is not None:
            rows.append(compare_two(Side.of(runs, row), Side.of(runs, before)))
        if row.name != standard.name:
            rows.append(compare_two(Side.of(runs, row), Side.of(runs, standard)))
    return COMPARISON.frame(rows)


def baseline_row(finished: pd.DataFrame, baseline: str | None) -> "pd.Series[Any]":
    """Find the network that `baseline` names among the finished ones.

    Raises:
        UnknownNameError: If there is none; the message lists what can be named.
    """
    chosen = finished[finished["kind"] != "before"]
    if baseline is None:
        return chosen.iloc[0]
    labels = (
        chosen["run"] + "/" + chosen["rank"].astype("str").where(chosen["rank"].notna(), chosen["candidate"])
    )
    found = chosen[(chosen["run"] == baseline) | (labels == baseline)]
    if not len(found):
        known = ", ".join(sorted({*chosen["run"], *labels}))
        raise UnknownNameError(f"no baseline called {baseline!r}; known: {known}")
    return found.iloc[0]


def _spread(one: float, other: float, correlation: float) -> float:
    return sqrt(max(one * one - 2 * correlation * one * other + other * other, 0.0))


def _unpruned(finished: pd.DataFrame, row: "pd.Series[Any]") -> "pd.Series[Any] | None":
    if row["kind"] != "winner":
        return None
    same = finished[(finished["run"] == row["run"]) & (finished["rank"] == row["rank"])]
    before = same[same["kind"] == "before"]
    return before.iloc[0] if len(before) else None


def compare_two(one: Side, other: Side) -> dict[str, Any]:
    """Return the row of the `COMPARISON` frame for `one` against `other`."""
    row, base = one.row, other.row
    found = {
        "run": row["run"],
        "candidate": row["candidate"],
        "baseline": f"{base['run']}, {base['candidate']}",
    }
    notes: list[str] = []
    found |= _accuracy(one, other, notes) | _latency(row, base, notes)
    for name in ("parameters", "macs"):
        if pd.notna(row[name]) and pd.notna(base[name]) and base[name]:
            found[f"{name}_ratio"] = row[name] / base[name]
    return found | {"note": "; ".join(notes)}


def _accuracy(one: Side, other: Side, notes: list[str]) -> dict[str, Any]:
    row, base = one.row, other.row
    if row["data"] != base["data"]:
        notes.append("accuracy not compared: another data set")
        return {}
    if row["split"] != base["split"] or pd.isna(row["accuracy"]) or pd.isna(base["accuracy"]):
        notes.append("accuracy not compared: not known on the same split")
        return {}
    found = {"split": row["split"], "accuracy_difference": row["accuracy"] - base["accuracy"]}
    first, second = _interval(row, "accuracy", ""), _interval(base, "accuracy", "")
    if first is None or second is None:
        notes.append("accuracy without interval")
        return found
    correlation = phi_coefficient(one.predictions, other.predictions)
    bounds = difference_interval(first, second, correlation=correlation or 0.0)
    return found | {
        "accuracy_low": bounds.low,
        "accuracy_high": bounds.high,
        "accuracy_says": _says(bounds, 0.0, ("worse", "better")),
        "accuracy_paired": correlation is not None,
    }


def phi_coefficient(one: pd.DataFrame, other: pd.DataFrame) -> float | None:
    """Correlate being right, over the images that both networks classified; corrected for continuity.

    Args:
        one: `PREDICTIONS` frame of a network.
        other: That of the other.

    Returns:
        The coefficient, in [-1, 1]; None where the images are not the same, and the two must be taken as
        independent.

    Source: Newcombe, "Improved confidence intervals ... based on paired data", 1998, method 10.
    """
    if not len(one) or len(one) != len(other) or not (one["label"] == other["label"]).all():
        return None
    right, also = one["predicted"] == one["label"], other["predicted"] == other["label"]
    num_images, num_right, num_also = len(one), int(right.sum()), int(also.sum())
    margins = num_right * (num_images - num_right) * num_also * (num_images - num_also)
    if margins == 0:
        return 0.0  # a network that is always right says nothing about which images are hard
    excess = num_images * int((right & also).sum()) - num_right * num_also
    corrected = excess if excess < 0 else max(excess - num_images / 2, 0.0)
    return float(corrected / sqrt(margins))


def _latency(row: "pd.Series[Any]", base: "pd.Series[Any]", notes: list[str]) -> dict[str, Any]:
    differing = [name for name in SETTING if row[name] != base[name] and name != "data"]
    if differing:
        notes.append(f"latency not compared: another {' and '.join(differing)}")
        return {}
    first, second = _interval(row, "latency", "_ms"), _interval(base, "latency", "_ms")
    if first is None or second is None:
        notes.append("latency without interval")
        return {}
    bounds = ratio_interval(first, second)
    return {
        "latency_ratio": bounds.estimate,
        "latency_low": bounds.low,
        "latency_high": bounds.high,
        "latency_says": _says(bounds, 1.0, ("faster", "slower")),
        "latency_paired": row["kind"] == base["kind"] == "profile" and row["run"] == base["run"],
    }


def _interval(row: "pd.Series[Any]", name: str, unit: str) -> Interval | None:
    estimate, low, high = row[f"{name}{unit}"], row[f"{name}_low{unit}"], row[f"{name}_high{unit}"]
    if pd.isna(estimate) or pd.isna(low) or pd.isna(high):
        return None
    return Interval(float(estimate), float(low), float(high))


def _says(bounds: Interval, neutral: float, words: tuple[str, str]) -> str:
    if bounds.high < neutral:
        return words[0]
    return words[1] if bounds.low > neutral else "no difference"
