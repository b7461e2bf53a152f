"""How two pieces of work compare in time: in turn, so that drift cancels, until the interval is narrow."""

from collections.abc import Callable, Sequence
from typing import Any, Final, NamedTuple

from millinet.latency.timer import collector_held, time_calls, warm_up
from millinet.latency.visit import typical_ms
from millinet.statistics import Interval, paired_ratio

FEWEST_ROUNDS: Final = 20
"""Rounds before the interval is looked at: fewer would let it look narrow by chance."""


class Work(NamedTuple):
    """Something to time."""

    instances: Sequence[Callable[[], object]]
    """Each does it once, and returns when it is done; rounds take them in turn."""
    calls: int = 3
    """Calls in a round; the more, the shorter each takes."""


class Comparison(NamedTuple):
    """How one piece of work compares with another."""

    ratio: Interval
    """Of their times, with a 95 percent interval."""
    first_ms: float
    """Median of the rounds."""
    second_ms: float
    rounds: int

    def row(self) -> dict[str, Any]:
        """Return it as a row of results."""
        return {
            "ratio": self.ratio.estimate,
            "ratio_low": self.ratio.low,
            "ratio_high": self.ratio.high,
            "first_ms": self.first_ms,
            "second_ms": self.second_ms,
            "rounds": self.rounds,
        }


def compare(first: Work, second: Work, *, half_width: float, most_rounds: int) -> Comparison:
    """Time two pieces of work in turn, each first in every other round.

    A round gives the ratio of the medians of its calls, those left out that something else disturbed. Rounds
    go on until the 95 percent interval of the mean ratio reaches no further than `half_width` either way.

    Args:
        first: Numerator.
        second: Denominator.
        half_width: Precision wanted, a fraction of the ratio.
        most_rounds: Where to end all the same; the rows then show a wider interval.
    """
    for work in (first, second):
        for call in work.instances:
            warm_up(call, seconds=1.0)
    ones: list[float] = []
    others: list[float] = []
    with collector_held():
        for number in range(most_rounds):
            order = [(first, ones), (second, others)]
            for work, times in order if number % 2 else reversed(order):
                call = work.instances[number // 2 % len(work.instances)]
                times.append(typical_ms(time_calls(call, work.calls)))
            if number + 1 >= FEWEST_ROUNDS and number % 2 and _reach(ones, others) <= half_width:
                break
    middle = len(ones) // 2
    return Comparison(paired_ratio(ones, others), sorted(ones)[middle], sorted(others)[middle], len(ones))


def _reach(ones: list[float], others: list[float]) -> float:
    ratio = paired_ratio(ones, others)
    return ratio.high / ratio.estimate - 1.0
