"""A measured quantity is brought under its limit, although what predicts it is wrong."""

from collections.abc import Callable

import pytest
import torch
from torchvision import models

from compress import find_groups
from compress.allocation import ALLOCATIONS, Problem
from compress.allocation.knapsack import solve
from compress.choices import choices
from compress.config import PruneConfig
from compress.goal import Goal, Pricing, macs_price
from compress.landing import HIT, land
from compress.layers import read_layers
from compress.step import channel_scores
from millinet.errors import InfeasibleBudgetError


@pytest.fixture(scope="module")
def problem() -> Problem:
    model = models.resnet18(num_classes=10).eval()
    example = torch.zeros(2, 3, 32, 32)
    groups = find_groups(model, example)
    config = PruneConfig(macs_ratio=0.5)
    return Problem(
        choices=choices(groups, channel_scores(model, groups, "l2"), config),
        layers=read_layers(model, example, groups, {}),
        totals={group.index: group.num_channels for group in groups},
        price=macs_price,
    )


def goal_of(problem: Problem, measured: Callable[[dict[int, int]], float], ratio: float) -> Goal:
    """Make a goal whose "models" are their own widths, so that only arithmetic is tested."""
    full = measured(problem.full)
    return Goal(
        quantity="latency",
        unit=" ms",
        full=full,
        limit=ratio * full,
        measure=measured,  # type: ignore[arg-type]
        price=lambda *_: Pricing(macs_price),
    )


@pytest.mark.parametrize("ratio", [0.7, 0.5, 0.35])
@pytest.mark.parametrize("overhead", [0.0, 0.1, 0.3])
def test_a_prediction_with_the_wrong_scale_and_offset_still_lands(
    problem: Problem, ratio: float, overhead: float
) -> None:
    full = problem.cost(problem.full)

    def measured(widths: dict[int, int]) -> float:
        return 20 * (overhead + (1 - overhead) * (problem.cost(widths) / full) ** 0.8)

    goal = goal_of(problem, measured, ratio)
    found = land(problem, goal, ALLOCATIONS["knapsack"], lambda widths: widths, max_tries=6)  # type: ignore[arg-type,return-value]

    assert HIT * goal.limit <= found.quantity <= goal.limit


def test_what_cannot_be_reached_is_refused_with_the_floor(problem: Problem) -> None:
    goal = goal_of(problem, lambda widths: 5.0 + problem.cost(widths) / problem.cost(problem.full), 0.5)

    with pytest.raises(InfeasibleBudgetError, match=r"reaches 5\.\d+ ms at its narrowest"):
        land(problem, goal, ALLOCATIONS["knapsack"], lambda widths: widths, max_tries=6)  # type: ignore[arg-type,return-value]


@pytest.mark.parametrize("name", ALLOCATIONS)
@pytest.mark.parametrize("ratio", [0.9, 0.5, 0.2])
def test_every_allocation_keeps_to_the_limit_and_to_allowed_widths(
    problem: Problem, name: str, ratio: float
) -> None:
    limit = ratio * problem.cost(problem.full)

    widths = ALLOCATIONS[name](problem, limit)

    assert problem.cost(widths) <= limit
    assert all(width in problem.choices[index].widths for index, width in widths.items())


@pytest.mark.parametrize("ratio", [0.8, 0.5, 0.35])
def test_the_knapsack_loses_no_more_than_the_simple_allocations(problem: Problem, ratio: float) -> None:
    limit = ratio * problem.cost(problem.full)

    lost = {name: problem.lost(allocate(problem, limit)) for name, allocate in ALLOCATIONS.items()}

    assert lost["knapsack"] <= min(lost.values())


def test_a_knapsack_is_solved_as_by_trying_everything() -> None:
    # With room for 5: the second option of each costs 4 and loses 3; all others cost more or lose more.
    losses = [torch.tensor(loss).numpy() for loss in ([9.0, 2.0, 0.0], [4.0, 1.0, 0.0])]
    costs = [torch.tensor(cost).numpy() for cost in ([0.0, 2.0, 5.0], [0.0, 2.0, 4.0])]

    assert solve(losses, costs, 5.0) == [1, 1]
    assert solve(losses, costs, 9.0) == [2, 2]
    assert solve(losses, costs, 0.0) == [0, 0]
