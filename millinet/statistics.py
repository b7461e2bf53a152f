"""Intervals for what was measured, and fronts for what was traded; plain arithmetic on plain numbers."""

from collections.abc import Sequence
from math import exp, log, sqrt
from typing import Final, NamedTuple

import numpy as np
from scipy.special import bdtr, ndtri, stdtrit

from millinet.errors import ConfigError

_NORMAL_MAD: Final = 1.4826
"""Standard deviation of a normal distribution in median absolute deviations."""
_SMALL_SAMPLE: Final = {
    2: 1.196,
    3: 1.495,
    4: 1.363,
    5: 1.206,
    6: 1.200,
    7: 1.140,
    8: 1.129,
    9: 1.107,
}
"""By how much the deviation of few values is too small, on average."""
_MEDIAN_COST: Final = 1.2533
"""Standard error of a median in that of a mean, for normal values: the root of pi / 2."""
_MOST_SERIAL: Final = 0.8
"""Largest serial correlation that is corrected for."""


class Interval(NamedTuple):
    """An estimate and the bounds around it."""

    estimate: float
    low: float
    high: float


class QuantileInterval(NamedTuple):
    """A quantile and its bounds; None where the sample is too small to bound it."""

    estimate: float | None
    low: float | None
    high: float | None


def mean_interval(values: Sequence[float], *, confidence: float = 0.95) -> Interval:
    """Bound the mean of at least two values by Student's t.

    Raises:
        ConfigError: If there are fewer than two values.
    """
    check_confidence(confidence)
    if len(values) < 2:
        raise ConfigError(f"an interval needs at least 2 values, got {len(values)}")
    mean = float(np.mean(values))
    half = t_factor(len(values) - 1, confidence) * float(np.std(values, ddof=1)) / sqrt(len(values))
    return Interval(mean, mean - half, mean + half)


def robust_centre(values: Sequence[float]) -> tuple[float, float]:
    """Return the median and its standard error, neither of which a minority of wild values can move.

    The error is that of a median of normal values, with their spread taken from the median absolute deviation
    corrected for small samples; 0 for a single value.

    Source: Croux & Rousseeuw, "Time-efficient algorithms for two highly robust estimators of scale", 1992.
    """
    found = np.asarray(values, dtype=float)
    count, centre = len(found), float(np.median(found))
    correction = _SMALL_SAMPLE.get(count, count / (count - 0.8))
    spread = _NORMAL_MAD * correction * float(np.median(np.abs(found - centre)))
    return centre, _MEDIAN_COST * spread / sqrt(count)


def serial_widening(values: Sequence[float]) -> float:
    """Return by what the standard error of a centre grows because neighbouring values resemble each other.

    The root of (1 + r) / (1 - r), as for a first-order autoregression; r is the correlation of the ranks of
    neighbours, never under 0, corrected for its bias in short series. 1 for fewer than five values.

    Source: Bayley & Hammersley, "The effective number of independent observations in an autocorrelated time
    series", 1946; the bias: Marriott & Pope, "Bias in the estimation of autocorrelations", 1954.
    """
    count = len(values)
    if count < 5:
        return 1.0
    ranks = np.argsort(np.argsort(values)) - (count - 1) / 2
    plain = float(ranks[:-1] @ ranks[1:] / (ranks @ ranks))
    serial = min(max(0.0, plain + (1 + 3 * max(plain, 0.0)) / count), _MOST_SERIAL)
    return sqrt((1 + serial) / (1 - serial))


def paired_ratio(
    numerators: Sequence[float], denominators: Sequence[float], *, confidence: float = 0.95
) -> Interval:
    """Bound the geometric mean of pairwise ratios; drift common to a pair cancels.

    Raises:
        ConfigError: If the two differ in length, or hold a value that is not positive.
    """
    if len(numerators) != len(denominators):
        raise ConfigError(f"pairs need equal lengths, got {len(numerators)} and {len(denominators)}")
    if any(not value > 0 for value in (*numerators, *denominators)):
        raise ConfigError(f"a ratio of times needs positive times, got {min(*numerators, *denominators)}")
    logs = [log(top / bottom) for top, bottom in zip(numerators, denominators, strict=True)]
    return Interval(*map(exp, mean_interval(logs, confidence=confidence)))


def t_factor(degrees: float, confidence: float) -> float:
    """Return the two-sided Student t quantile: 2.776 for 4 degrees at 95%."""
    return float(stdtrit(degrees, 0.5 + confidence / 2))


def order_statistic_interval(
    values: Sequence[float], quantile: float, *, confidence: float = 0.95
) -> QuantileInterval:
    """Bound a quantile by order statistics, whatever the distribution.

    Each bound holds by itself with the given confidence: the upper one for p95 exists from 59 values at 95%,
    since 0.95 ** 59 < 0.05. The estimate is given where the upper bound is.

    Source: David & Nagaraja, "Order Statistics", 2003, section 7.1.
    """
    check_confidence(confidence)
    if not 0.0 < quantile < 1.0:
        raise ConfigError(f"a quantile is a fraction in (0, 1), got {quantile}")
    ordered = np.sort(np.asarray(values, dtype=float))
    count = len(ordered)
    if count == 0:
        return QuantileInterval(None, None, None)
    # below[k]: the chance that at most k of the values lie under the quantile.
    below = bdtr(np.arange(count), count, quantile)
    above = np.flatnonzero(below >= confidence)
    under = np.flatnonzero(below <= 1.0 - confidence)
    high = float(ordered[above[0]]) if len(above) and above[0] < count else None
    low = float(ordered[under[-1]]) if len(under) else None
    estimate = float(np.quantile(ordered, quantile)) if high is not None else None
    return QuantileInterval(estimate, low, high)


def wilson_interval(successes: int, total: int, confidence: float = 0.95) -> Interval:
    """Bound a fraction of successes, for example an accuracy.

    Source: Wilson, "Probable inference, the law of succession, and statistical inference", 1927.

    Raises:
        ConfigError: If `total` is not positive or `successes` is not within it.
    """
    check_confidence(confidence)
    if total < 1 or not 0 <= successes <= total:
        raise ConfigError(f"successes must be within a positive total, got {successes} of {total}")
    z = float(ndtri(0.5 + confidence / 2))
    share = successes / total
    centre = (share + z * z / (2 * total)) / (1 + z * z / total)
    half = z * sqrt(share * (1 - share) / total + z * z / (4 * total * total)) / (1 + z * z / total)
    # At the ends rounding may leave the bound a hair past the share itself.
    return Interval(share, min(max(0.0, centre - half), share), max(min(1.0, centre + half), share))


def pareto_front(points: Sequence[Sequence[float]]) -> list[int]:
    """Return the indices of the points no other dominates, by their first coordinate.

    Every coordinate is minimised: hand over an error, not an accuracy. Of equal points the first is kept; a
    point with a NaN is on no front.
    """
    table = np.asarray(points, dtype=float)
    if table.size == 0:
        return []
    front: list[int] = []
    for index in np.lexsort(table.T[::-1]):
        point = table[index]
        if np.isnan(point).any():
            continue
        # In lexicographic order nothing later can dominate something earlier.
        if not any((table[kept] <= point).all() for kept in front):
            front.append(int(index))
    return front


def hypervolume(points: Sequence[Sequence[float]], reference: Sequence[float]) -> float:
    """Measure the volume that the points dominate, up to a reference point; every coordinate is minimised.

    Slices along the last coordinate: exact in any dimension, meant for fronts of some hundred points.

    Source: While et al., "A faster algorithm for calculating hypervolume", 2006 (slicing objectives).
    """
    limit = np.asarray(reference, dtype=float)
    table = np.asarray(points, dtype=float).reshape(-1, len(limit))
    return _volume(table[(table < limit).all(axis=1)], limit)


def _volume(table: np.ndarray, limit: np.ndarray) -> float:
    if len(table) == 0:
        return 0.0
    if len(limit) == 1:
        return float(limit[0] - table[:, 0].min())
    order = np.argsort(table[:, -1])
    ordered = table[order]
    tops = np.append(ordered[1:, -1], limit[-1])
    return sum(
        _volume(ordered[: index + 1, :-1], limit[:-1]) * float(top - ordered[index, -1])
        for index, top in enumerate(tops)
        if top > ordered[index, -1]
    )


def check_confidence(confidence: float) -> None:
    """Reject a confidence that is not a fraction.

    Raises:
        ConfigError: If it is not strictly between 0.5 and 1.
    """
    if not 0.5 < confidence < 1.0:
        raise ConfigError(f"confidence is a fraction in (0.5, 1), got {confidence}; 95 percent is 0.95")
