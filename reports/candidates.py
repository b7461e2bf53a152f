"""The candidates frame: every network of every run, searched, finished or only timed, one row a setting."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import pandas as pd

from millinet.frames import CANDIDATES
from millinet.statistics import pareto_front, wilson_interval
from reports.load import Entry, Run

SETTING: Final = ["device", "dtype", "batch", "data"]
"""Networks compare only where these columns are equal."""
_OWN: Final = r"[a-z]+:\d+$"
"""How a run names its own networks in latency.csv, as in trial:3; any other name is a profiled model."""


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


def by_setting(frame: pd.DataFrame, names: Sequence[str]) -> list[tuple[Any, pd.DataFrame]]:
    """Split candidates by what makes them comparable, in the order in which the runs were given."""
    groups = list(frame.groupby(SETTING, dropna=False, sort=False))
    return sorted(groups, key=lambda entry: min(names.index(name) for name in entry[1]["run"].unique()))


def _finished(run: Run) -> pd.DataFrame:
    rows = []
    for entry in run.winners:
        rows.append(_finished_row(run, entry, is_before=False))
        if entry.before is not None:
            rows.append(_finished_row(run, entry.before, is_before=True))
    return CANDIDATES.frame(rows)


def _finished_row(run: Run, entry: Entry, *, is_before: bool) -> dict[str, Any]:
    found = {"run": run.name, "candidate": name_of(entry, is_before=is_before), "rank": entry.rank}
    found |= {"kind": "before" if is_before else "winner", "state": "complete", "data": data_of(run)}
    found |= _structure(entry.architecture or {})
    proof = entry.certificate
    if proof is None:
        return found | {"state": "not certified"}
    is_tested = proof.test_accuracy is not None
    return found | {
        "trial": proof.trial,
        "architecture": proof.architecture or found["architecture"],
        "fingerprint": proof.fingerprint,
        "parameters": proof.parameters,
        "macs": proof.macs,
        "latency_ms": proof.median_ms,
        "latency_low_ms": proof.low_ms,
        "latency_high_ms": proof.high_ms,
        "latency_p95_ms": proof.p95_ms,
        **_setting(proof.device, proof.settings, run.record.budget),
        "budget": proof.budget,
        "budget_ms": proof.budget_ms,
        "verdict": proof.verdict,
        "accuracy": proof.test_accuracy if is_tested else proof.validation_accuracy,
        "accuracy_low": proof.test_accuracy_low,
        "accuracy_high": proof.test_accuracy_high,
        "split": "test" if is_tested else "validation",
        "validation_accuracy": proof.validation_accuracy,
    }


def data_of(run: Run) -> str:
    """Name the data set of a run, with its fingerprint: two sets of one name may differ."""
    data = run.record.data
    return " ".join(str(data[key]) for key in ("spec", "fingerprint") if data.get(key))


def _structure(architecture: Mapping[str, Any]) -> dict[str, str]:
    """Read what a candidate's row says of its architecture from the JSON of a winner."""
    stages, head = architecture.get("stages"), architecture.get("head")
    blocks = [str(stage.get("block", "")) for stage in stages or [] if isinstance(stage, dict)]
    return {
        "architecture": str(architecture.get("source", "")),
        "blocks": " ".join(blocks),
        "head": str(head.get("name", "")) if isinstance(head, dict) else "",
    }


def _setting(device: Mapping[str, Any], *sources: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a latency was measured with, each part from the first source that knows it."""
    defaults = {"dtype": "fp32", "batch": 1, "threads": device.get("threads")}
    known = {
        name: next((source[name] for source in sources if source.get(name)), default)
        for name, default in defaults.items()
    }
    return {"device": str(device.get("name", "")), **known}


def _tried(run: Run) -> pd.DataFrame:
    trials = run.trials
    sizes = run.record.data.get("sizes") or {}
    frame = trials[[column for column in CANDIDATES.columns if column in trials.columns]].copy()
    frame["run"], frame["kind"], frame["data"] = run.name, "trial", data_of(run)
    frame["candidate"] = "trial " + trials["trial"].astype("str")
    for column, value in _own_setting(run).items():
        frame[column] = value
    frame["memory_mib"] = trials["fingerprint"].map(_memory(run))
    frame["budget"] = str(run.record.budget.get("text", ""))
    intervals = [_interval(accuracy, int(sizes.get("validation") or 0)) for accuracy in trials["accuracy"]]
    frame["accuracy_low"] = [low for low, _ in intervals]
    frame["accuracy_high"] = [high for _, high in intervals]
    frame["split"], frame["validation_accuracy"] = "validation", trials["accuracy"]
    frame["seconds"] = trials["measure_seconds"].fillna(0) + trials["train_seconds"].fillna(0)
    return _conformed(frame)


def _own_setting(run: Run) -> dict[str, Any]:
    """Return what the trials of a run were measured with, as its first measurement says."""
    trials = run.latency[run.latency["model"].fillna("").str.match(_OWN)]
    first = trials.iloc[0].to_dict() if len(trials) else {}
    settings = {key: first[key] for key in ("dtype", "batch", "threads") if pd.notna(first.get(key))}
    return _setting(run.record.device, settings, run.record.budget)


def _memory(run: Run) -> dict[str, float]:
    rows = run.latency[run.latency["batch"].eq(_own_setting(run)["batch"])]
    own = rows.dropna(subset=["fingerprint", "memory_mib"])
    return dict(zip(own["fingerprint"], own["memory_mib"], strict=True))


def _timed(run: Run) -> pd.DataFrame:
    """Return the models of a profile, and the run's own networks where other settings were timed too."""
    own = _own_setting(run)
    rows = run.latency.rename(columns={"device_name": "setting_device"})
    is_own = rows["model"].fillna("").str.match(_OWN)
    is_same = (
        rows["setting_device"].eq(own["device"])
        & rows["dtype"].eq(own["dtype"])
        & rows["batch"].eq(own["batch"])
    )
    rows = rows[~(is_own & is_same)]
    latest = rows.drop_duplicates(
        ["model", "setting_device", "dtype", "batch", "engine", "threads"], keep="last"
    )
    frame = latest[[column for column in CANDIDATES.columns if column in latest.columns]].copy()
    frame["device"] = latest["setting_device"]
    frame["run"], frame["kind"], frame["data"] = run.name, "profile", data_of(run)
    frame["candidate"] = latest["model"].where(
        ~latest["model"].fillna("").str.match(_OWN), latest["model"].str.replace(":", " ")
    )
    frame["architecture"] = latest["fingerprint"].map(_readable(run)).fillna(latest["model"])
    frame["state"] = latest["cause"].map(
        lambda cause: "failed" if isinstance(cause, str) and cause else "complete"
    )
    return _conformed(frame)


def _readable(run: Run) -> dict[str, str]:
    known = run.trials.dropna(subset=["fingerprint"])
    return dict(zip(known["fingerprint"], known["architecture"], strict=True))


def _interval(accuracy: float, num_images: int) -> tuple[float, float]:
    if not num_images or not 0 <= accuracy <= 1:
        return float("nan"), float("nan")
    _, low, high = wilson_interval(round(accuracy * num_images), num_images)
    return low, high


def _conformed(frame: pd.DataFrame) -> pd.DataFrame:
    whole = frame.reindex(columns=list(CANDIDATES.columns))
    return whole.astype({name: column.dtype for name, column in CANDIDATES.columns.items()})


def _on_front(frame: pd.DataFrame) -> "pd.Series[bool]":
    is_front = pd.Series(data=False, index=frame.index, dtype="boolean")
    comparable = frame.dropna(subset=["latency_ms", "accuracy"])
    for _, group in comparable.groupby(["run", "split", *SETTING], dropna=False):
        points = list(zip(group["latency_ms"], 1 - group["accuracy"], strict=True))
        is_front[[group.index[place] for place in pareto_front(points)]] = True
    return is_front
