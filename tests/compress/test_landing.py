"""A measured quantity is brought under its limit, although what predicts it is wrong."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torchvision import models

from compress import find_groups
from compress.allocation import ALLOCATIONS, Problem
from compress.allocation.knapsack import solve
from compress.choices import choices
from compress.config import PruneConfig
from compress.goal import Goal, Pricing, macs_price
from compress.landing import HIT, Attempt, land
from compress.layers import read_layers
from compress.reading import Reading
from compress.step import channel_scores


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


Measured = Callable[[dict[int, int]], Reading]


def goal_of(problem: Problem, measured: Measured, ratio: float) -> Goal:
    """Make a goal whose "models" are their own widths, so that only arithmetic is tested."""
    full = measured(problem.full)
    return Goal(
        quantity="latency",
        unit=" ms",
        full=full,
        limit=ratio * full.value,
        measure=lambda widths, _: measured(widths),  # type: ignore[arg-type]
        price=lambda *_: Pricing(macs_price),
    )


def landed(problem: Problem, goal: Goal) -> Attempt:
    return land(problem, goal, ALLOCATIONS["knapsack"], lambda widths: widths, max_tries=6)  # type: ignore[arg-type,return-value]


def around(value: float, margin: float) -> Reading:
    return Reading(value, value / (1 + margin), value * (1 + margin))


@pytest.mark.parametrize("ratio", [0.7, 0.5, 0.35])
@pytest.mark.parametrize("overhead", [0.0, 0.1, 0.3])
def test_a_prediction_with_the_wrong_scale_and_offset_still_lands(
    problem: Problem, ratio: float, overhead: float
) -> None:
    full = problem.cost(problem.full)

    def measured(widths: dict[int, int]) -> Reading:
        value = 20 * (overhead + (1 - overhead) * (problem.cost(widths) / full) ** 0.8)
        return around(value, 0.01)

    goal = goal_of(problem, measured, ratio)
    found = landed(problem, goal)

    assert HIT * goal.limit <= found.reading.value <= goal.limit
    assert found.reading.meets(goal.limit)


def test_a_low_misreading_is_not_accepted(problem: Problem) -> None:
    seen: list[dict[int, int]] = []

    def measured(widths: dict[int, int]) -> Reading:
        seen.append(widths)
        true = 20 * problem.cost(widths) / problem.cost(problem.full)
        # The first look at each network under the full one reads a tenth too fast.
        is_first = seen.count(widths) == 1 and widths != problem.full
        return around(0.9 * true if is_first else true, 0.005)

    goal = goal_of(problem, measured, 0.5)
    found = landed(problem, goal)

    assert problem.cost(found.widths) / problem.cost(problem.full) <= 0.5
    assert found.reading.meets(goal.limit)


def test_readings_without_an_upper_end_still_lead_under_the_limit(problem: Problem) -> None:
    def measured(widths: dict[int, int]) -> Reading:
        value = 20 * problem.cost(widths) / problem.cost(problem.full)
        return Reading(value, 0.9 * value, float("inf"))

    goal = goal_of(problem, measured, 0.5)
    found = landed(problem, goal)

    assert 0.9 * goal.limit <= found.reading.value <= goal.limit
    assert not found.reading.meets(goal.limit)


def test_noise_between_readings_of_one_network_does_not_lead_to_the_narrowest_widths(
    problem: Problem,
) -> None:
    random = np.random.default_rng(0)

    def measured(widths: dict[int, int]) -> Reading:
        true = 20 * problem.cost(widths) / problem.cost(problem.full)
        return around(true * float(np.exp(random.normal(0.0, 0.035))), 0.06)

    for _ in range(10):
        goal = goal_of(problem, measured, 0.5)
        cost = landed(problem, goal).cost / problem.cost(problem.full)
        assert 0.8 * goal.limit / 20 <= cost <= 1.1 * goal.limit / 20


def test_wide_intervals_are_brought_within_the_limit(problem: Problem) -> None:
    def measured(widths: dict[int, int]) -> Reading:
        return around(20 * problem.cost(widths) / problem.cost(problem.full), 0.035)

    goal = goal_of(problem, measured, 0.5)
    found = landed(problem, goal)

    assert found.reading.meets(goal.limit)
    assert found.reading.value >= 0.93 * goal.limit


def test_nothing_lower_is_tried_where_no_interval_could_be_within_the_limit(problem: Problem) -> None:
    tried: list[float] = []

    def measured(widths: dict[int, int]) -> Reading:
        tried.append(20 * problem.cost(widths) / problem.cost(problem.full))
        return around(tried[-1], 0.08)

    goal = goal_of(problem, measured, 0.5)
    found = landed(problem, goal)

    assert found.is_hit(goal.limit)
    assert not found.is_certain(goal.limit)
    assert min(tried) >= HIT * goal.limit


@pytest.mark.parametrize(("margin", "num_readings"), [(0.005, 3), (0.2, 2)])
def test_a_hit_is_read_again_as_often_as_that_may_make_it_certain(
    problem: Problem, margin: float, num_readings: int
) -> None:
    def measured(widths: dict[int, int]) -> Reading:
        return around(20 * problem.cost(widths) / problem.cost(problem.full), margin)

    found = landed(problem, goal_of(problem, measured, 0.5))

    assert len(found.readings) == num_readings


def test_on_a_machine_unfit_to_measure_nothing_is_certain_yet_something_is_chosen(problem: Problem) -> None:
    def measured(widths: dict[int, int]) -> Reading:
        value = 20 * problem.cost(widths) / problem.cost(problem.full)
        return around(value, 0.01)._replace(is_fit=False)

    goal = goal_of(problem, measured, 0.5)
    found = landed(problem, goal)

    assert found.is_hit(goal.limit)
    assert not found.reading.meets(goal.limit)


def test_what_cannot_be_reached_ends_at_the_narrowest_widths(problem: Problem) -> None:
    goal = goal_of(problem, lambda w: around(5.0 + problem.cost(w) / problem.cost(problem.full), 0.01), 0.5)

    found = landed(problem, goal)

    assert found.widths == problem.least
    assert found.reading.value > goal.limit


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
