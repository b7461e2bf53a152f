"""When a measurement has seen enough, on made-up visits: exact, whatever else the machine does."""

import pytest

from millinet.device import describe
from millinet.latency import Budget, LatencySettings
from millinet.latency.calm import pauses
from millinet.latency.references import Reference
from millinet.latency.stopping import PATIENCE
from millinet.latency.summary import has_enough, summarise
from millinet.latency.timer import Calls
from millinet.latency.visit import Visit

INFO = describe("cpu")


def visits_needed(
    limit_ms: float,
    *,
    num_disturbed: int = 0,
    until: int = 100,
    spread: float = 0.0,
    wander: float = 0.0,
) -> int:
    """Return after how many visits of a network of 2 ms the measurement stops.

    Args:
        limit_ms: The budget.
        num_disturbed: Of the ten calls of each of the first visits.
        until: How many visits are the first.
        spread: How far half of the calls lie from the others, a fraction.
        wander: How far two of three visits lie to either side of the third, a fraction.
    """
    budget = Budget(limit_ms=limit_ms)
    reference = Reference("made up", None)  # type: ignore[arg-type]
    seen: list[Visit] = []
    while True:
        pace = 2.0 * (1.0 + wander * (len(seen) % 3 - 1))
        times_ms = [pace * (1.0 - spread / 2), pace * (1.0 + spread / 2)] * 5
        num_now = num_disturbed if len(seen) < until else 0
        disturbed = [True] * num_now + [False] * (10 - num_now)
        one = Visit(Calls(times_ms, disturbed), Calls([1.0] * 10, list(disturbed)))
        seen.append(one)
        reference.add_visit(one)
        measurement = summarise(seen, reference, settings=LatencySettings(), info=INFO)
        if has_enough(measurement, budget):
            return len(seen)


def test_a_hopeless_candidate_costs_one_visit() -> None:
    assert visits_needed(0.001) == 1


@pytest.mark.parametrize(("num_first", "num_visits"), [(1, 2), (2, 4)])
def test_a_hopeless_candidate_is_out_as_soon_as_half_of_its_visits_are_calm(
    num_first: int, num_visits: int
) -> None:
    assert visits_needed(0.001, num_disturbed=3, until=num_first) == num_visits


def test_a_candidate_a_little_over_the_budget_is_not_out_before_a_look() -> None:
    assert visits_needed(1.8, num_disturbed=3, until=2) == 2 + 5


@pytest.mark.parametrize("limit_ms", [30_000.0, 3.0])
def test_a_candidate_far_inside_the_budget_is_certain_at_the_first_look(limit_ms: float) -> None:
    assert visits_needed(limit_ms) == 5


def test_a_disturbed_visit_ends_nothing_by_itself() -> None:
    assert visits_needed(0.001, num_disturbed=3) == 5


def test_a_candidate_at_the_limit_is_looked_at_to_the_end() -> None:
    assert visits_needed(2.0) == LatencySettings().max_visits


def test_where_noise_alone_reaches_over_the_limit_patience_ends() -> None:
    assert visits_needed(2.1, spread=0.12, wander=0.2) == PATIENCE


def test_while_visits_may_still_decide_they_go_on() -> None:
    assert visits_needed(2.1, wander=0.2) == LatencySettings().max_visits


def test_pauses_grow_while_neighbours_keep_the_machine_busy() -> None:
    calm = Visit(Calls([2.0], [False]), Calls([1.0], [False]))
    busy = Visit(Calls([2.0], [True]), Calls([1.0], [True]))

    assert [pauses([calm] + [busy] * count) for count in range(6)] == [1, 2, 4, 8, 16, 16]
    assert pauses([busy, calm]) == 1
    assert pauses([]) == 0
