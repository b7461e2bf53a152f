"""What the visits so far come to, and whether they are enough."""

from collections.abc import Sequence
from dataclasses import replace
from math import log

from millinet.device import DeviceInfo
from millinet.latency.budget import Budget
from millinet.latency.calm import keep_calm
from millinet.latency.estimate import estimate, relative_calls, wall_median_ms
from millinet.latency.measurement import UNFIT, LatencyMeasurement
from millinet.latency.references import Reference
from millinet.latency.settings import LatencySettings
from millinet.latency.stopping import LOOKS, PATIENCE, SCREEN, is_look
from millinet.latency.visit import Visit


def summarise(
    seen: Sequence[Visit],
    reference: Reference,
    *,
    settings: LatencySettings,
    info: DeviceInfo,
    note: str = "",
) -> LatencyMeasurement:
    """Turn visits into a measurement.

    Args:
        seen: At least one visit.
        reference: What they were paired with, with its anchor.
        settings: The form measured, with its batch.
        info: The device.
        note: What else was noticed.
    """
    anchor_ms = reference.anchor_ms
    kept = keep_calm(seen)
    found = estimate(
        kept.visits,
        anchor_ms=anchor_ms,
        anchor_error=reference.anchor_error,
        confidence=settings.confidence,
        doubt=kept.doubt,
    )
    # The tail is what happens to single calls, so it is read off every visit, disturbed or not.
    calls_ms = tuple(share * anchor_ms for share in relative_calls(seen))
    return LatencyMeasurement(
        median_ms=found.latency.estimate,
        low_ms=found.latency.low,
        high_ms=found.latency.high,
        wall_median_ms=wall_median_ms(seen),
        ratio=found.ratio.estimate,
        ratio_low=found.ratio.low,
        ratio_high=found.ratio.high,
        reference=reference.name,
        reference_ms=anchor_ms,
        reference_error=reference.anchor_error,
        num_calls=len(calls_ms),
        num_visits=len(kept.visits),
        confidence=settings.confidence,
        status=kept.status,
        doubt=kept.doubt,
        share_undisturbed=kept.share_undisturbed,
        note=note,
        device=info,
        settings=settings,
        calls_ms=calls_ms,
    )


def has_enough(measurement: LatencyMeasurement, budget: Budget | None) -> bool:
    """Whether a measurement may stop: hopeless while calm, certain at a look, or at the last visit."""
    settings, num_visits = measurement.settings, measurement.num_visits
    if num_visits < LOOKS[0] and budget is not None and measurement.status == "ok":
        return _is_hopeless(measurement, replace(budget, quantile="p50"))
    if num_visits >= settings.max_visits or sum(measurement.calls_ms) > settings.max_seconds * 1e3:
        return True
    if not is_look(num_visits):
        return False
    is_narrow = measurement.sampling_error <= settings.half_width
    if budget is None:
        return is_narrow
    is_hopeless = measurement.status in UNFIT or (
        measurement.doubt > 0 and (is_narrow or _is_within_doubt(measurement, budget))
    )
    return measurement.verdict(budget) != "undecided" or (is_hopeless and num_visits >= PATIENCE)


def _is_hopeless(measurement: LatencyMeasurement, budget: Budget) -> bool:
    """Whether calm visits too few for a look say that it is over the limit by more than one is off.

    One is enough; where disturbed ones came first, there may be a few before the measurement counts as calm.
    """
    is_over = measurement.verdict(budget) == "fails"
    return is_over and measurement.median_ms > SCREEN * (budget.limit_ms or 0.0)


def _is_within_doubt(measurement: LatencyMeasurement, budget: Budget) -> bool:
    """Whether the machine's noise alone reaches over the limit, however many visits there were."""
    if budget.limit_ms is None or budget.quantile != "p50":
        return False
    return abs(log(measurement.median_ms / budget.limit_ms)) <= measurement.doubt
