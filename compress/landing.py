"""Bring a measured quantity under its limit: choose widths, cut, measure, correct the prediction, repeat.

What is accepted rests on a measurement taken after it was chosen. The one that chose it is the lowest of
several noisy ones, and would make a network look faster than it is.
"""

from collections.abc import Callable
from typing import Final, NamedTuple

from torch import nn

from compress.allocation import Allocation, Problem
from compress.goal import Goal
from compress.reading import Reading

HIT: Final = 0.97
"""From this fraction of the limit up to the limit, a value is a hit."""
LOWEST_AIM: Final = 0.95
"""No lower than this is aimed, however wide the intervals are."""


class Attempt(NamedTuple):
    """Widths that were cut and measured."""

    widths: dict[int, int]
    model: nn.Module
    cost: float
    """What the problem predicts for them."""
    reading: Reading
    """What was measured."""

    def is_hit(self, limit: float) -> bool:
        """Whether the value is just under the limit."""
        return HIT * limit <= self.reading.value <= limit


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
        max_tries: Widths cut and measured before the best of them is taken.

    Returns:
        The attempt chosen; over the limit only where even the narrowest widths are.
    """
    attempts: list[Attempt] = []
    seen = [(problem.cost(problem.full), goal.full.value)]
    aim = goal.aim * goal.limit
    for _ in range(max_tries):
        widths = allocate(problem, _next_cost(seen, aim))
        if any(widths == attempt.widths for attempt in attempts):
            break
        attempt = _try(widths, problem, goal, cut)
        if attempt.is_hit(goal.limit):
            attempt = _again(attempt, goal)
        attempts.append(attempt)
        seen.append((attempt.cost, attempt.reading.value))
        if attempt.is_hit(goal.limit):
            if attempt.reading.meets(goal.limit):
                return attempt
            aim = _lower(aim, attempt.reading, goal.limit)
    return _best(attempts, goal) or _floor(problem, goal, cut)


def _try(
    widths: dict[int, int], problem: Problem, goal: Goal, cut: Callable[[dict[int, int]], nn.Module]
) -> Attempt:
    model = cut(widths)
    return Attempt(widths, model, problem.cost(widths), goal.measure(model, goal.limit))


def _again(attempt: Attempt, goal: Goal) -> Attempt:
    return attempt._replace(reading=goal.measure(attempt.model, goal.limit))


def _lower(aim: float, reading: Reading, limit: float) -> float:
    """Aim so that the whole interval comes within the limit, if it is not far too wide for that."""
    return min(aim, max(LOWEST_AIM * limit, limit / (1.0 + reading.margin)))


def _best(attempts: list[Attempt], goal: Goal) -> Attempt | None:
    """Choose what is certainly within the limit and near it, then what seems to be, the nearest first."""
    left = list(attempts)
    while within := [attempt for attempt in left if attempt.reading.value <= goal.limit]:
        best = max(within, key=lambda attempt: _merit(attempt, goal.limit))
        again = best if best.is_hit(goal.limit) else _again(best, goal)
        if again.reading.value <= goal.limit:
            return again
        left.remove(best)
    return None


def _floor(problem: Problem, goal: Goal, cut: Callable[[dict[int, int]], nn.Module]) -> Attempt:
    """Measure the narrowest widths closely: it is what a refusal names."""
    model = cut(problem.least)
    return Attempt(problem.least, model, problem.cost(problem.least), goal.measure(model, None))


def _merit(attempt: Attempt, limit: float) -> tuple[bool, float]:
    is_near = attempt.reading.value >= HIT * LOWEST_AIM * limit
    return is_near and attempt.reading.meets(limit), attempt.reading.value


def _next_cost(seen: list[tuple[float, float]], aim: float) -> float:
    """Return the predicted cost at which the quantity should be `aim`, by the nearest measurements.

    Args:
        seen: (predicted cost, measured quantity) so far.
        aim: The quantity wanted.
    """
    over = min((pair for pair in seen if pair[1] > aim), key=lambda pair: pair[1], default=None)
    under = max((pair for pair in seen if pair[1] <= aim), key=lambda pair: pair[1], default=None)
    if over is not None and under is not None and over[0] > under[0]:
        share = (aim - under[1]) / (over[1] - under[1])
        return under[0] + share * (over[0] - under[0])
    cost, quantity = seen[-1]
    by_scale = cost * aim / quantity
    if len(seen) < 2:
        return by_scale
    # Part of the quantity does not depend on widths, so the line through two measurements goes further than
    # scaling; no further than to a quarter, as noise can make that line flat.
    before, earlier = seen[-2]
    slope = (earlier - quantity) / (before - cost) if before != cost else 0.0
    return max(cost / 4, min(by_scale, cost + (aim - quantity) / slope)) if slope > 0 else by_scale
