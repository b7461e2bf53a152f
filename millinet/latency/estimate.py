"""From visits to numbers: the ratio to the reference, its interval, and the tail."""

from collections.abc import Sequence
from math import exp, log, sqrt
from statistics import fmean, median, stdev
from typing import Final, NamedTuple

from millinet.latency.stopping import SCREEN, level
from millinet.latency.visit import Visit, typical_ms
from millinet.statistics import Interval, robust_centre, serial_widening, t_factor

ANCHOR_DEGREES: Final = 24
"""Degrees of freedom of an anchor's error, most of which is known beforehand."""
VISIT_SPREAD: Final = 0.015
"""Spread of visits that is assumed before any is seen, as a fraction; at rest 1.3 to 1.6% was seen."""
VISIT_WEIGHT: Final = 4
"""How many visits that assumption counts for: five that agree by chance must not end a measurement."""
PROCESS_SPREAD: Final = 0.015
"""Spread between fresh processes that is assumed before any is seen, as a fraction."""
PROCESS_WEIGHT: Final = 4
"""How many degrees of freedom that assumption counts for."""


class Estimate(NamedTuple):
    """What a number of visits came to."""

    latency: Interval
    """Milliseconds: ratio to the reference times its anchor."""
    ratio: Interval
    """Ratio to the reference, without the anchor's own error."""


def estimate(
    visits: Sequence[Visit],
    *,
    anchor_ms: float,
    anchor_error: float,
    confidence: float,
    doubt: float = 0.0,
) -> Estimate:
    """Combine visits into one estimate; a single visit is given the screening margin for an interval.

    The ratio is the median over visits. Even at rest a shared machine slows for a moment, and a visit half
    caught by it is off by up to a factor of two: over sequences of eight visits of ResNet-20 a t interval
    around the mean of their logs is 3.5% wide to either side, one around the median 1.3%, at a coverage of
    99 and 92% (benchmarks/latency_visits.py). Networks that live off the shared cache wander for seconds, so
    the error grows with the resemblance of neighbouring visits.

    Args:
        visits: At least one.
        anchor_ms: Time of the reference in milliseconds.
        anchor_error: Its standard error, as a fraction.
        confidence: Coverage over all looks, a fraction.
        doubt: Added to the half-width, as a fraction, for what no number of visits can average out.
    """
    count = len(visits)
    logs = [one.log_ratio for one in visits]
    centre, error = robust_centre(logs)
    assumed = VISIT_SPREAD / sqrt(count)
    error = sqrt((VISIT_WEIGHT * assumed**2 + count * error**2) / (VISIT_WEIGHT + count))
    error *= serial_widening(logs)
    if count == 1:
        ratio_half = total_half = log(SCREEN)
    else:
        within = error**2
        at = level(confidence)
        ratio_half = t_factor(count - 1, at) * error
        # Welch and Satterthwaite: the degrees of freedom of a sum of two variances.
        total = within + anchor_error**2
        per_degree = within**2 / (count - 1) + anchor_error**4 / ANCHOR_DEGREES
        total_half = t_factor(total**2 / per_degree, at) * sqrt(total) if per_degree else 0.0
    return Estimate(
        latency=_around(centre + log(anchor_ms), total_half + doubt),
        ratio=_around(centre, ratio_half + doubt),
    )


def relative_calls(visits: Sequence[Visit]) -> list[float]:
    """Return every candidate call over its visit's reference time, which takes the drift out."""
    return [ms / typical_ms(one.reference) for one in visits for ms in one.candidate.wall_ms]


def wall_median_ms(visits: Sequence[Visit]) -> float:
    """Return the median of all candidate calls as the clock read them, in milliseconds."""
    return median(ms for one in visits for ms in one.candidate.wall_ms)


def across_processes(
    medians_ms: Sequence[float], *, confidence: float, pace_error: float = 0.0, doubt: float = 0.0
) -> Interval:
    """Combine the medians of fresh processes, in milliseconds.

    Three processes say little about their own spread, so it is shrunk towards what is usual.

    Args:
        medians_ms: One a process.
        confidence: Coverage, a fraction.
        pace_error: Standard error with which each process knows the machine's pace, a fraction; part of what
            is usual.
        doubt: Added to the half-width, as a fraction.
    """
    logs = [log(value) for value in medians_ms]
    own = stdev(logs) ** 2 * (len(logs) - 1) if len(logs) > 1 else 0.0
    degrees = PROCESS_WEIGHT + len(logs) - 1
    usual = PROCESS_SPREAD**2 + pace_error**2
    spread = sqrt((PROCESS_WEIGHT * usual + own) / degrees)
    return _around(fmean(logs), t_factor(degrees, confidence) * spread / sqrt(len(logs)) + doubt)


def _around(centre: float, half: float) -> Interval:
    return Interval(exp(centre), exp(centre - half), exp(centre + half))
