"""Measure candidates against a budget, where there is no training problem around them."""

from dataclasses import replace
from typing import Self

import torch

from millinet.device import resolve_device
from millinet.latency import Budget, LatencyMeasurement, LatencyMeter, LatencySettings
from millinet.runs import RunFolder
from nas.candidate import build
from nas.config import SearchConfig
from nas.probes import Probed, visited
from search_spaces import Architecture, SearchSpace


class Gate:
    """Measures candidates against a budget."""

    def __init__(self, space: SearchSpace, budget: Budget, config: SearchConfig) -> None:
        self.budget = budget
        device = str(resolve_device(config.device or budget.device))
        self.meter = LatencyMeter(device, LatencySettings(confidence=config.confidence).under(budget))
        self.example = torch.zeros(1, space.in_channels, *space.resolution)

    def __enter__(self) -> Self:
        self.meter.__enter__()
        return self

    def __exit__(self, *exception: object) -> None:
        self.meter.__exit__(*exception)

    def resolve(self, run: RunFolder | None) -> float:
        """Turn the budget into milliseconds; a resumed search keeps the limit it began with."""
        known_ms = run.record.budget.get("limit_ms") if run else None
        asked = self.budget if known_ms is None else replace(self.budget, limit_ms=known_ms)
        self.budget = asked.resolve(self.example, meter=self.meter)
        limit_ms = self.budget.limit_ms
        if limit_ms is None:
            raise AssertionError("a resolved budget has a limit")
        if run is not None:
            run.save(budget={"text": str(self.budget), "limit_ms": limit_ms})
        return limit_ms

    def measure(self, architecture: Architecture, *, seed: int) -> LatencyMeasurement:
        """Measure a candidate, freshly initialised."""
        return self.meter.measure(build(architecture, seed=seed), self.example, budget=self.budget)

    def visited(self, space: SearchSpace, *, count: int, seed: int) -> list[Probed]:
        """Probe a space: its named networks, and `count` random ones."""
        return list(visited(space, self.meter, self.example, budget=self.budget, count=count, seed=seed))
