"""The candidates frame: every network of every run, searched, finished or only timed, one row a setting."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from millinet.frames import CANDIDATES
from millinet.statistics import pareto_front, wilson_interval
from reports.load import Entry, Run

SETTING = ["device", "dtype", "batch"]
"""Latencies are comparable only where these columns are equal."""


def candidates(runs: Sequence[Run]) -> pd.DataFrame:
    """Gather the candidates of `runs` into the `CANDIDATES` frame, winners before trials."""
    parts = [part for run in runs for part in (_finished(run), _tried(run), _timed(run)) if len(part)]
    if not parts:
        return CANDIDATES.frame()
    frame = pd.concat(parts, ignore_index=True)
    frame["is_front"] = _on_front(frame)
    return CANDIDATES.check(frame)


def name_of(entry: Entry, *, is_before: bool = False) -> str:
    """Return what a finished network is called in every frame and on the page."""
    return f"winner {entry.rank}{' before pruning' if is_before else ''}"


def _finished(run: Run) -> pd.DataFrame:
    rows = []
    for entry in run.winners:
        rows.append(_finished_row(run, entry, is_before=False))
        if entry.before is not None:
            rows.append(_finished_row(run, entry.before, is_before=True))
    return CANDIDATES.frame(rows)


def _finished_row(run: Run, entry: Entry, *, is_before: bool) -> dict[str, Any]:
    found = {"run": run.name, "candidate": name_of(entry, is_before=is_before), "rank": entry.rank}
    found |= {"kind": "before" if is_before else "winner", "state": "complete"}
    proof = entry.certificate
    if proof is None:
        return found | {"architecture": _described(entry), "state": "not certified"}
    split = "validation" if proof.test_accuracy is None else "test"
    return found | {
        "trial": proof.trial,
        "architecture": proof.architecture or _described(entry),
        "fingerprint": proof.fingerprint,
        "parameters": proof.parameters,
        "macs": proof.macs,
        "latency_ms": proof.median_ms,
        "latency_low_ms": proof.low_ms,
        "latency_high_ms": proof.high_ms,
        "latency_p95_ms": proof.p95_ms,
        **_setting(proof.device, proof.settings),
        "budget_ms": proof.budget_ms,
        "verdict": proof.verdict,
        "accuracy": proof.validation_accuracy if proof.test_accuracy is None else proof.test_accuracy,
        "accuracy_low": proof.test_accuracy_low,
        "accuracy_high": proof.test_accuracy_high,
        "split": split,
    }


def _described(entry: Entry) -> str:
    return str((entry.architecture or {}).get("source", ""))


def _setting(device: Mapping[str, Any], settings: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "device": str(device.get("name", "")),
        "threads": settings.get("threads") or device.get("threads"),
        "dtype": str(settings.get("dtype", "fp32")),
        "batch": int(settings.get("batch", 1)),
    }


def _tried(run: Run) -> pd.DataFrame:
    trials = run.trials
    images = int(run.record.data.get("sizes", {}).get("validation", 0) or 0)
    shared = [column for column in CANDIDATES.columns if column in trials.columns]
    frame = trials[shared].copy()
    frame["run"] = run.name
    frame["candidate"] = "trial " + trials["trial"].astype("str")
    frame["kind"] = "trial"
    for column, value in _setting(run.record.device, _latency_settings(run)).items():
        frame[column] = value
    intervals = [_interval(accuracy, images) for accuracy in trials["accuracy"]]
    frame["accuracy_low"] = [low for low, _ in intervals]
    frame["accuracy_high"] = [high for _, high in intervals]
    frame["split"] = "validation"
    frame["seconds"] = trials["measure_seconds"].fillna(0) + trials["train_seconds"].fillna(0)
    return _conformed(frame)


def _latency_settings(run: Run) -> dict[str, Any]:
    """Return the latency settings of the trials: those any measurement of the run was taken with."""
    if len(run.latency):
        first = run.latency.iloc[0]
        return {"dtype": first["dtype"], "batch": first["batch"], "threads": run.record.device.get("threads")}
    return {}


def _timed(run: Run) -> pd.DataFrame:
    return CANDIDATES.frame()


def _interval(accuracy: float, num_images: int) -> tuple[float, float]:
    if not num_images or pd.isna(accuracy):
        return float("nan"), float("nan")
    _, low, high = wilson_interval(round(accuracy * num_images), num_images)
    return low, high


def _conformed(frame: pd.DataFrame) -> pd.DataFrame:
    whole = {name: frame[name] if name in frame else None for name in CANDIDATES.columns}
    made = pd.DataFrame(whole, index=frame.index)
    return made.astype({name: column.dtype for name, column in CANDIDATES.columns.items()})


def _on_front(frame: pd.DataFrame) -> "pd.Series[bool]":
    is_front = pd.Series(data=False, index=frame.index, dtype="boolean")
    comparable = frame.dropna(subset=["latency_ms", "accuracy"])
    for _, group in comparable.groupby(["run", "split", *SETTING], dropna=False):
        is_front[front_of(group)] = True
    return is_front


def front_of(group: pd.DataFrame) -> list[Any]:
    """Return the labels of the rows that no other row beats in latency and accuracy, by latency."""
    points = list(zip(group["latency_ms"], 1 - group["accuracy"], strict=True))
    return [group.index[place] for place in pareto_front(points)]
