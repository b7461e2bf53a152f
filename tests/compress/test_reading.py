"""A reading knows how far it can be trusted, and what it may be called."""

from dataclasses import replace

import pytest
import torch
from torch import nn

from compress.prune import Pruned
from compress.reading import Reading
from compress.telling import latencies_told
from millinet.latency import Budget, LatencyMeasurement, LatencySettings, measure


@pytest.fixture(scope="module")
def measured() -> LatencyMeasurement:
    found = measure(nn.Conv2d(3, 4, 1), torch.zeros(1, 3, 4, 4), settings=LatencySettings(gap_seconds=0.0))
    return replace(found, median_ms=2.0, low_ms=1.9, high_ms=2.1, status="ok", calls_ms=(2.0,) * 57 + (3.0,))


def pruned(base: LatencyMeasurement, now: LatencyMeasurement) -> Pruned:
    return Pruned(
        model=nn.Identity(),
        widths={},
        layers=None,  # type: ignore[arg-type]
        groups=[],
        kept={},
        error=0.0,
        budget=Budget(limit_ms=2.0),
        base=base,
        measurement=now,
    )


def test_a_budget_is_met_by_the_upper_end_and_only_on_a_fit_machine() -> None:
    assert Reading(2.0, 1.9, 2.1).meets(2.1)
    assert not Reading(2.0, 1.9, 2.1).meets(2.05)
    assert not Reading(2.0, 1.9, 2.1, is_fit=False).meets(3.0)


def test_a_tail_that_calls_do_not_bound_is_the_slowest_one(
    measured: LatencyMeasurement,
) -> None:
    found = Reading.timed(measured, Budget(limit_ms=9.0, quantile="p95"))

    assert found.value == 3.0
    assert not found.meets(9.0)


def test_a_lower_median_whose_interval_overlaps_is_not_called_faster(measured: LatencyMeasurement) -> None:
    near = pruned(measured, replace(measured, median_ms=1.85, low_ms=1.75, high_ms=1.95))
    clear = pruned(measured, replace(measured, median_ms=1.7, low_ms=1.6, high_ms=1.8))

    assert near.is_faster is False
    assert "not faster for certain" in latencies_told(near)
    assert clear.is_faster is True
    assert latencies_told(clear) == "2 ms [1.9, 2.1] -> 1.7 ms [1.6, 1.8]"
    assert clear.certificate["verdict"] == "meets"


def test_a_limit_inside_the_interval_is_told_as_open(measured: LatencyMeasurement) -> None:
    edge = pruned(replace(measured, low_ms=3.0, high_ms=3.2), replace(measured, low_ms=1.9, high_ms=2.1))

    assert "may or may not be within it" in latencies_told(edge)


def test_a_model_that_was_called_in_turn_with_its_base_is_compared_by_their_ratio(
    measured: LatencyMeasurement,
) -> None:
    unsteady = replace(measured, low_ms=1.0, high_ms=4.0)
    now = replace(
        measured, median_ms=1.2, low_ms=1.1, high_ms=1.3, ratio=0.6, ratio_low=0.55, ratio_high=0.65
    )

    paired = replace(
        pruned(unsteady, replace(now, reference_error=0.0)), budget=Budget(ratio=0.7, limit_ms=1.4)
    )
    apart = replace(paired, measurement=replace(now, reference_error=0.01))

    assert paired.is_faster is True
    assert replace(paired, measurement=replace(paired.measurement, ratio_high=1.01)).is_faster is False
    assert apart.is_faster is False
