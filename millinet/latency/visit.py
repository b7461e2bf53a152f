"""One visit: candidate and reference called in turn under the device lock, and what came of it."""

from collections.abc import Callable
from math import log
from statistics import median
from typing import Final, NamedTuple

from millinet.latency.timer import Calls, collector_held, time_calls, warm_up

MIN_BLOCK_MS: Final = 1.0
MAX_BLOCK_CALLS: Final = 50
_WARM_UP_SECONDS: Final = 0.003
_ENOUGH: Final = 3


class Visit(NamedTuple):
    """What one visit saw."""

    candidate: Calls
    reference: Calls

    @property
    def log_ratio(self) -> float:
        """Log of the candidate's median over the reference's."""
        return log(typical_ms(self.candidate) / typical_ms(self.reference))

    @property
    def share_undisturbed(self) -> float:
        """Fraction of all its calls that nothing disturbed."""
        return (self.candidate + self.reference).share_undisturbed


def visit(candidate: Callable[[], object], reference: Callable[[], object], *, num_calls: int) -> Visit:
    """Time both in the order reference, candidate, candidate, reference, so that steady drift cancels."""
    warm_up(reference, seconds=_WARM_UP_SECONDS)
    warm_up(candidate, seconds=_WARM_UP_SECONDS)
    with collector_held():
        first = time_calls(reference, num_calls)
        second = time_calls(candidate, num_calls)
        third = time_calls(candidate, num_calls)
        fourth = time_calls(reference, num_calls)
    return Visit(candidate=second + third, reference=first + fourth)


def calls_per_block(duration_ms: float, least: int) -> int:
    """Return how many calls make a block worth timing: `least`, or a millisecond of very short ones."""
    return max(least, min(MAX_BLOCK_CALLS, round(MIN_BLOCK_MS / max(duration_ms, 1e-3))))


def typical_ms(calls: Calls) -> float:
    """Return the median of the undisturbed calls, or of all where fewer than three are."""
    return median(calm_calls(calls))


def calm_calls(calls: Calls) -> list[float]:
    """Return the times of the undisturbed calls in milliseconds, or of all where fewer than three are."""
    calm = [ms for ms, is_disturbed in zip(calls.wall_ms, calls.disturbed, strict=True) if not is_disturbed]
    return calm if len(calm) >= _ENOUGH else calls.wall_ms
