"""One visit: candidate and reference called in turn under the device lock, and what came of it."""

from collections.abc import Callable
from math import log
from statistics import median
from typing import Final, NamedTuple

from millinet.latency.timer import Calls, collector_held, now_ms, time_calls, warm_up

MIN_BLOCK_MS: Final = 1.0
MAX_BLOCK_CALLS: Final = 50
WARM_UP_SECONDS: Final = 0.01
"""How long a network is called before each turn: the other one took its place in the caches meanwhile.

Timed after one discarded call, ResNet-20's calls spread by 8.6% within a visit and its visits by 2.7%; after
10 ms, by 3.0% and 1.3%; 30 ms changed nothing more (benchmarks/latency_visits.py).
"""
_ENOUGH: Final = 3


class Visit(NamedTuple):
    """What one visit saw."""

    candidate: Calls
    reference: Calls
    at_ms: float = 0.0
    """When it was made, in milliseconds since an arbitrary moment."""

    @property
    def log_ratio(self) -> float:
        """Log of the candidate's median over the reference's."""
        return log(typical_ms(self.candidate) / typical_ms(self.reference))

    @property
    def share_undisturbed(self) -> float:
        """Fraction of all its calls that nothing disturbed."""
        return (self.candidate + self.reference).share_undisturbed


def visit(
    candidate: Callable[[], object],
    reference: Callable[[], object],
    *,
    num_calls: int,
    warm_up_seconds: float = WARM_UP_SECONDS,
) -> Visit:
    """Time both in the order reference, candidate, candidate, reference, so that steady drift cancels."""

    def turn(call: Callable[[], object]) -> Calls:
        warm_up(call, seconds=warm_up_seconds, least=1)
        return time_calls(call, num_calls)

    at_ms = now_ms()
    with collector_held():
        first = turn(reference)
        both = turn(candidate) + time_calls(candidate, num_calls)
        last = turn(reference)
    return Visit(candidate=both, reference=first + last, at_ms=at_ms)


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
