"""Lose the least importance under a limit on the cost: a knapsack, solved exactly and repeatedly.

The cost of a layer depends on two groups at once, its inputs and its outputs, so costs do not add up over
groups. They do near given widths: each stage solves the knapsack for the costs as they are at the widths of
the stage before, over all widths of all groups at once, and the limit comes down by stages. (The knapsack
view of latency
pruning: Shen et al., "Structural Pruning via Latency-Saliency Knapsack", NeurIPS 2022.)
"""

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from compress.allocation.problem import Problem

NUM_STAGES: Final = 6
NUM_CORRECTIONS: Final = 12
NUM_BINS: Final = 6000
"""Resolution of the cost in the dynamic program."""


def knapsack(problem: Problem, limit: float) -> dict[int, int]:
    """Choose the widths that lose the least importance at a cost of at most `limit`.

    Returns:
        Widths by group; the narrowest allowed where even they cost more.
    """
    widths, cost = problem.full, problem.cost(problem.full)
    if cost <= limit:
        return widths
    for capacity in np.geomspace(cost, limit, NUM_STAGES + 1)[1:]:
        widths = _solve_near(problem, widths, float(capacity))
    best = problem.least
    aim = limit
    for _ in range(NUM_CORRECTIONS):
        cost = problem.cost(widths)
        if cost <= limit and problem.lost(widths) < problem.lost(best):
            best = widths
        aim *= limit / cost
        widths = _solve_near(problem, widths, aim)
    return fill(problem, best, limit)


def fill(problem: Problem, widths: dict[int, int], limit: float) -> dict[int, int]:
    """Widen groups, best gain for the cost first, while the cost stays within `limit`."""
    filled = dict(widths)
    cost = problem.cost(filled)
    is_open = set(problem.choices)
    while is_open:
        gains = []
        for index in is_open:
            step = _next_width(problem, filled, index)
            if step is not None and cost + step[1] <= limit:
                gains.append((step[0] / max(step[1], 1e-12), index, step))
        if not gains:
            break
        _, index, step = max(gains, key=lambda gain: gain[:2])
        filled[index] = step[2]
        cost = problem.cost(filled)
    return filled


def solve(
    losses: Sequence[NDArray[np.float64]], costs: Sequence[NDArray[np.float64]], capacity: float
) -> list[int]:
    """Pick one option of each group: least total loss, total cost at most `capacity`.

    Costs are rounded to a `NUM_BINS`th of the range in play. Where nothing fits, the cheapest options are
    taken.

    Args:
        losses: For each group, the loss of each option.
        costs: For each group, the cost of each option, in the same order.
        capacity: The limit on the sum of costs.

    Returns:
        For each group, the position of its option.
    """
    floors = [float(cost.min()) for cost in costs]
    room = capacity - sum(floors)
    if room <= 0:
        return [int(cost.argmin()) for cost in costs]
    size = NUM_BINS / room
    best = np.zeros(NUM_BINS + 1)
    taken = np.zeros((len(costs), NUM_BINS + 1), dtype=np.int16)
    for number, (loss, cost, floor) in enumerate(zip(losses, costs, floors, strict=True)):
        bins = np.rint((cost - floor) * size).astype(np.int64)
        reached = np.full((len(cost), NUM_BINS + 1), np.inf)
        for option, offset in enumerate(bins.tolist()):
            if offset <= NUM_BINS:
                reached[option, offset:] = best[: NUM_BINS + 1 - offset] + loss[option]
        taken[number] = reached.argmin(0)
        best = reached.min(0)
    return _trace_back(taken, costs, floors, size)


def _trace_back(
    taken: NDArray[np.int16], costs: Sequence[NDArray[np.float64]], floors: Sequence[float], size: float
) -> list[int]:
    left = NUM_BINS
    options = []
    for number in range(len(costs) - 1, -1, -1):
        option = int(taken[number, left])
        options.append(option)
        left -= int(np.rint((costs[number][option] - floors[number]) * size))
    return options[::-1]


def _solve_near(problem: Problem, widths: dict[int, int], capacity: float) -> dict[int, int]:
    """Solve for costs as they are at `widths`."""
    indices = list(problem.choices)
    total = problem.cost(widths)
    costs = []
    for index in indices:
        choice = problem.choices[index]
        around = problem.costs_of(index, widths)
        costs.append(around - around[np.searchsorted(choice.widths, widths[index])])
    options = solve([problem.choices[index].lost for index in indices], costs, capacity - total)
    return {
        index: int(problem.choices[index].widths[option])
        for index, option in zip(indices, options, strict=True)
    }


def _next_width(problem: Problem, widths: dict[int, int], index: int) -> tuple[float, float, int] | None:
    """Return (importance gained, cost added, width) of a group's next wider option."""
    choice = problem.choices[index]
    position = int(np.searchsorted(choice.widths, widths[index]))
    if position + 1 == len(choice.widths):
        return None
    around = problem.costs_of(index, widths)
    gain = float(choice.lost[position] - choice.lost[position + 1])
    return gain, float(around[position + 1] - around[position]), int(choice.widths[position + 1])
