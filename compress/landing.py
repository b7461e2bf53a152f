"""Bring a measured quantity under its limit: choose widths, cut, measure, correct the prediction, repeat.

What is accepted rests on a measurement taken after it was chosen. The one that chose it is the lowest of
several noisy ones, and would make a network look faster than it is. Where a network lives off the shared
cache, two readings of it lie some percent apart, so every reading counts, by its precision.
"""

from collections.abc import Callable, Sequence
from math import exp, log
from typing import Final, NamedTuple

import numpy as np
from torch import nn

from compress.allocation import Allocation, Problem
from compress.goal import Goal
from compress.reading import Reading

HIT: Final = 0.975
"""From this fraction of the limit up to the limit, a value is a hit."""
NUM_READINGS: Final = 3
"""How often a hit is read before it is taken: one reading of a small network is off by a percent and more."""
NUM_NOISY_READINGS: Final = 2
"""How often where intervals are so wide that no hit can be certain."""
LOWEST_AIM: Final = 0.95
"""No lower than this is aimed to be certain; where intervals are wider yet, nothing is given away."""
FURTHER_AIMS: Final = (0.93, 0.88, 0.8)
"""Where to aim, one after the other, while nothing near turns out to be within the limit."""
WANDER: Final = 0.01
"""Standard deviation between readings of one network that is assumed at least, a fraction."""
MISFIT: Final = 0.1
"""How far the line through readings is off, as a fraction of a reading's distance from the aim."""


class Attempt(NamedTuple):
    """Widths that were cut and measured."""

    widths: dict[int, int]
    model: nn.Module
    cost: float
    """What the problem predicts for them."""
    readings: tuple[Reading, ...]
    """What was measured, one after the other."""

    @property
    def reading(self) -> Reading:
        """The latest reading, which no choice was made by."""
        return self.readings[-1]

    @property
    def value(self) -> float:
        """What all readings together say."""
        weights = [1.0 / _variance(one) for one in self.readings]
        logs = [log(one.value) for one in self.readings]
        return exp(float(np.average(logs, weights=weights)))

    @property
    def is_read_enough(self) -> bool:
        """Whether a further reading would tell no more than it costs."""
        is_noisy = 1.0 / (1.0 + self.reading.margin) < HIT
        return len(self.readings) >= (NUM_NOISY_READINGS if is_noisy else NUM_READINGS)

    def is_hit(self, limit: float) -> bool:
        """Whether the value is just under the limit."""
        return HIT * limit <= self.value <= limit

    def is_certain(self, limit: float) -> bool:
        """Whether the latest reading shows it to be within the limit."""
        return self.value <= limit and self.reading.meets(limit)


def land(
    problem: Problem,
    goal: Goal,
    allocate: Allocation,
    cut: Callable[[dict[int, int]], nn.Module],
    *,
    max_tries: int,
) -> Attempt:
    """Find widths whose quantity is a hit and certainly within the limit, or come as near to that as can be.

    Args:
        problem: Predicts costs; their scale is corrected by each measurement.
        goal: What is limited, and how it is measured.
        allocate: Chooses widths under a limit on the predicted cost.
        cut: Makes the model of given widths.
        max_tries: Widths cut and measured before the best of them is taken; a few more where none is within
            the limit.

    Returns:
        The attempt chosen; over the limit only where even the narrowest widths are.
    """
    approach = _Approach(problem, goal, allocate, cut)
    aim = goal.aim
    for _ in range(max_tries):
        attempt = approach.towards(aim)
        if attempt is None:
            break
        if attempt.is_hit(goal.limit):
            if attempt.is_certain(goal.limit):
                return attempt
            certain = 1.0 / (1.0 + attempt.reading.margin)
            if certain < LOWEST_AIM:
                break
            aim = min(aim, certain)
    for lower in FURTHER_AIMS:
        best = approach.best()
        if best is not None and best.value >= HIT * lower * goal.limit:
            return best
        approach.towards(lower)
    return approach.best() or approach.floor()


class _Approach:
    """Everything tried for one goal."""

    def __init__(
        self,
        problem: Problem,
        goal: Goal,
        allocate: Allocation,
        cut: Callable[[dict[int, int]], nn.Module],
    ) -> None:
        self._problem, self._goal, self._allocate, self._cut = problem, goal, allocate, cut
        self._attempts: dict[float, Attempt] = {}

    def towards(self, aim: float) -> Attempt | None:
        """Measure the widths that should come to `aim` of the limit; None if they are known well enough."""
        seen = [(one.cost, reading) for one in self._attempts.values() for reading in one.readings]
        seen.append((self._problem.cost(self._problem.full), self._goal.full))
        widths = self._allocate(self._problem, _next_cost(seen, aim * self._goal.limit))
        attempt = self._attempts.get(self._problem.cost(widths)) or self._made(widths)
        if len(attempt.readings) > 1:
            return None
        attempt = self._read(attempt)
        while attempt.is_hit(self._goal.limit) and not attempt.is_read_enough:
            attempt = self._read(attempt)
        return attempt

    def best(self) -> Attempt | None:
        """Choose what is certainly within the limit and near it, then what seems to be, the nearest first.

        It is read once more, unless its latest reading was taken for that; the next follows if that is over.
        """
        limit = self._goal.limit
        left = list(self._attempts.values())
        while within := [attempt for attempt in left if attempt.value <= limit]:
            best = max(within, key=self._merit)
            again = best if len(best.readings) > 1 else self._read(best)
            if max(again.value, again.reading.value) <= limit:
                return again
            left.remove(best)
        return None

    def floor(self) -> Attempt:
        """Measure the narrowest widths closely: it is what a refusal names."""
        attempt = self._made(self._problem.least)
        return attempt._replace(readings=(self._goal.measure(attempt.model, None),))

    def _made(self, widths: dict[int, int]) -> Attempt:
        return Attempt(widths, self._cut(widths), self._problem.cost(widths), ())

    def _read(self, attempt: Attempt) -> Attempt:
        reading = self._goal.measure(attempt.model, self._goal.limit)
        attempt = attempt._replace(readings=(*attempt.readings, reading))
        self._attempts[attempt.cost] = attempt
        return attempt

    def _merit(self, attempt: Attempt) -> tuple[bool, float]:
        is_near = attempt.value >= HIT * LOWEST_AIM * self._goal.limit
        return is_near and attempt.is_certain(self._goal.limit), attempt.value


def _next_cost(seen: Sequence[tuple[float, Reading]], aim: float) -> float:
    """Return the predicted cost at which the quantity should be `aim`.

    It is where a line of cost on quantity meets the aim, fitted to all readings: part of the quantity does
    not depend on widths. The nearer to the aim and the more precise a reading is, the more it counts. That
    cost and quantity shrink by the same factor is the prior, so that one reading alone scales, and noise
    between neighbours does not turn the line. No lower than a quarter of what was tried is proposed at once.

    Args:
        seen: (predicted cost, measured quantity) so far.
        aim: The quantity wanted.
    """
    least = min(cost for cost, _ in seen)
    costs = np.array([cost for cost, _ in seen]) / least
    off = np.array([reading.value for _, reading in seen]) / aim - 1.0
    noise = np.array([_variance(reading) for _, reading in seen]) * (1.0 + off) ** 2
    weights = 1.0 / (noise + (MISFIT * off) ** 2)
    # cost = at_aim + slope * off, and of the prior slope - at_aim = 0 with a standard deviation of one.
    across = float(weights @ off) - 1.0
    left = np.array([[weights.sum() + 1.0, across], [across, float(weights @ off**2) + 1.0]])
    at_aim, _ = np.linalg.solve(left, np.array([weights @ costs, weights @ (costs * off)]))
    return max(float(at_aim), 0.25) * least


def _variance(reading: Reading) -> float:
    """Return the variance of a reading's logarithm; almost none where it is counted and not timed."""
    if reading.low == reading.high:
        return 1e-8
    # An upper end is infinite where too few calls bound a tail.
    return WANDER**2 + (log(1.0 + min(reading.margin, 1.0)) / 2) ** 2
