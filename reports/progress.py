"""The search frame: how far a search had come after each trial."""

from bisect import bisect_left
from collections.abc import Sequence

import numpy as np
import pandas as pd

from millinet.frames import SEARCH
from reports.load import Run


class RunningHypervolume:
    """The area that a growing set of (latency, accuracy) points dominates, up to a latency limit.

    Equals `millinet.statistics.hypervolume` of the points so far, at the cost of one insertion a point.
    """

    def __init__(self, limit_ms: float) -> None:
        self.limit_ms = limit_ms
        self.area = 0.0
        self._latencies: list[float] = []
        self._accuracies: list[float] = []

    def add(self, latency_ms: float, accuracy: float) -> float:
        """Take up a point and return the area, in ms times accuracy."""
        if not (latency_ms < self.limit_ms and accuracy > 0):
            return self.area
        place = bisect_left(self._latencies, latency_ms)
        # The front rises in both; a point level with or below its left neighbour adds nothing.
        floor = self._accuracies[place - 1] if place else 0.0
        if place < len(self._latencies) and self._latencies[place] == latency_ms:
            floor = max(floor, self._accuracies[place])
        if accuracy <= floor:
            return self.area
        beaten = place
        left, height = latency_ms, self._accuracies[place - 1] if place else 0.0
        while beaten < len(self._latencies) and self._accuracies[beaten] <= accuracy:
            self.area += (self._latencies[beaten] - left) * (accuracy - height)
            left, height = self._latencies[beaten], self._accuracies[beaten]
            beaten += 1
        right = self._latencies[beaten] if beaten < len(self._latencies) else self.limit_ms
        self.area += (right - left) * (accuracy - height)
        self._latencies[place:beaten] = [latency_ms]
        self._accuracies[place:beaten] = [accuracy]
        return self.area


def search_progress(runs: Sequence[Run]) -> pd.DataFrame:
    """Follow every run that has trials, in the order they were started."""
    limits = _limits(runs)
    parts = [_follow(run, limits[_device(run)]) for run in runs if len(run.trials)]
    return SEARCH.check(pd.concat(parts, ignore_index=True)) if parts else SEARCH.frame()


def _device(run: Run) -> str:
    return str(run.record.device.get("name", ""))


def _limits(runs: Sequence[Run]) -> dict[str, float]:
    """Return where the rectangle ends, by device: areas compare only inside the same rectangle."""
    limits: dict[str, float] = {}
    for run in runs:
        bound = run.trials["budget_ms"].max()
        slowest = run.trials["latency_ms"].max()
        limit = bound if pd.notna(bound) else slowest if pd.notna(slowest) else 0.0
        limits[_device(run)] = max(limits.get(_device(run), 0.0), float(limit))
    return limits


def _follow(run: Run, limit_ms: float) -> pd.DataFrame:
    trials = run.trials.sort_values(["started", "trial"], kind="stable")
    work = trials["measure_seconds"].fillna(0.0) + trials["train_seconds"].fillna(0.0)
    started = pd.to_datetime(trials["started"], errors="coerce", utc=True, format="ISO8601")
    clock = (started - started.min()).dt.total_seconds() + work
    inside = trials["verdict"].eq("meets") | trials["verdict"].isna() & trials["accuracy"].notna()
    measured = trials["latency_ms"].notna()
    num_within = (trials["verdict"].eq("meets") & measured).astype(float).cumsum()
    accuracy = trials["accuracy"].where(inside)
    area = RunningHypervolume(limit_ms)
    covered = [
        area.add(latency_ms, reached) if reached == reached else area.area
        for latency_ms, reached in zip(trials["latency_ms"], accuracy, strict=True)
    ]
    frame = pd.DataFrame(
        {
            "run": run.name,
            "trial": trials["trial"],
            "order": np.arange(1, len(trials) + 1),
            "seconds": clock.fillna(work.cumsum()).cummax(),
            "work_seconds": work.cumsum(),
            "best_accuracy": accuracy.cummax().ffill(),
            "hypervolume": np.asarray(covered) / limit_ms if limit_ms else float("nan"),
            "limit_ms": limit_ms,
            "share_within": num_within / measured.astype(float).cumsum().replace(0.0, np.nan),
        }
    )
    return frame.astype({name: column.dtype for name, column in SEARCH.columns.items()}).reset_index(
        drop=True
    )
