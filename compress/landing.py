"""Bring a measured quantity under its limit: choose widths, cut, measure, correct the prediction, repeat."""

from collections.abc import Callable
from typing import Final, NamedTuple

from torch import nn

from compress.allocation import Allocation, Problem
from compress.goal import Goal
from millinet.errors import InfeasibleBudgetError

AIM: Final = 0.98
"""Where a measurement is aimed, as a fraction of the limit: the middle of what is a hit."""
HIT: Final = 0.97
"""From this fraction of the limit up to the limit, a measurement is a hit."""


class Attempt(NamedTuple):
    """Widths that were cut and measured."""

    widths: dict[int, int]
    model: nn.Module
    cost: float
    """What the problem predicts for them."""
    quantity: float
    """What was measured."""


def land(
    problem: Problem,
    goal: Goal,
    allocate: Allocation,
    cut: Callable[[dict[int, int]], nn.Module],
    *,
    max_tries: int,
) -> Attempt:
    """Find widths whose measured quantity is a hit, or the nearest below the limit.

    Args:
        problem: Predicts costs; their scale is corrected by each measurement.
        goal: What is limited, and how it is measured.
        allocate: Chooses widths under a limit on the predicted cost.
        cut: Makes the model of given widths.
        max_tries: Measurements before the nearest is taken.

    Raises:
        InfeasibleBudgetError: If even the narrowest widths are over the limit; the message names the floor.
    """
    attempts: list[Attempt] = []
    seen = [(problem.cost(problem.full), goal.full)]
    for _ in range(max_tries):
        widths = allocate(problem, _next_cost(seen, AIM * goal.limit))
        if any(widths == attempt.widths for attempt in attempts):
            break
        model = cut(widths)
        attempts.append(Attempt(widths, model, problem.cost(widths), goal.measure(model)))
        if HIT * goal.limit <= attempts[-1].quantity <= goal.limit:
            return attempts[-1]
        seen.append((attempts[-1].cost, attempts[-1].quantity))
    within = [attempt for attempt in attempts if attempt.quantity <= goal.limit]
    if within:
        return max(within, key=lambda attempt: attempt.quantity)
    return _floor(problem, goal, cut)


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


def _floor(problem: Problem, goal: Goal, cut: Callable[[dict[int, int]], nn.Module]) -> Attempt:
    model = cut(problem.least)
    quantity = goal.measure(model)
    if quantity > goal.limit:
        raise InfeasibleBudgetError(
            f"pruning reaches {quantity:.4g}{goal.unit} at its narrowest ({quantity / goal.full:.2f} of the "
            f"{goal.quantity} now), not {goal.limit:.4g}{goal.unit}; raise the target to that, or lower "
            f"min_channels, raise max_removed or protect less"
        )
    return Attempt(problem.least, model, problem.cost(problem.least), quantity)
