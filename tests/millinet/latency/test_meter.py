from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn

from millinet.frames import LATENCY
from millinet.latency import Budget, LatencyMeter, LatencySettings, measure, profile

BRIEF = LatencySettings(max_visits=5, gap_seconds=0.0)


def small(width: int = 8) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(1, width, 3, padding=1, bias=False),
        nn.BatchNorm2d(width),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(64 * width, 10),
    )


@pytest.fixture
def example() -> Tensor:
    return torch.randn(1, 1, 8, 8, generator=torch.Generator().manual_seed(0))


def test_the_estimate_lies_inside_its_interval(example: Tensor) -> None:
    measured = measure(small(), example, settings=BRIEF)

    assert 0 < measured.low_ms < measured.median_ms < measured.high_ms
    assert measured.num_visits == 5


def test_a_hopeless_candidate_costs_one_calm_visit(example: Tensor) -> None:
    budget = Budget.parse("1us")

    with LatencyMeter("cpu", BRIEF) as meter:
        seen = list(meter.visits(small(), example, budget=budget))

    # A visit that a busy machine disturbed ends nothing, so the calm one may not be the first.
    assert [one.status for one in seen[:-1]].count("ok") == 0
    assert seen[-1].verdict(budget) == "fails" or seen[-1].status != "ok"


def test_a_candidate_far_inside_the_budget_is_certain_at_the_first_look(example: Tensor) -> None:
    budget = Budget.parse("30s")

    measured = measure(small(), example, budget=budget, settings=LatencySettings(gap_seconds=0.0))

    assert measured.num_visits == 5 or measured.status != "ok"


def test_a_relative_budget_is_judged_against_the_network_it_refers_to(example: Tensor) -> None:
    base = small(64)
    with LatencyMeter("cpu", BRIEF) as meter:
        budget = Budget.parse("0.5x").resolve(example, meter=meter, model=base)
        itself = meter.measure(base, example, budget=budget)
        other = meter.measure(base, example)

    assert budget.limit_ms is not None
    assert itself.reference == "Sequential"
    assert itself.reference_ms == pytest.approx(2 * budget.limit_ms)
    assert itself.reference_error == 0.0
    assert other.reference.startswith("rung")


def test_a_resumed_relative_budget_keeps_its_milliseconds(example: Tensor) -> None:
    with LatencyMeter("cpu", BRIEF) as meter:
        budget = replace(Budget.parse("0.5x"), limit_ms=7.0)
        resolved = budget.resolve(example, meter=meter, model=small())
        measured = meter.measure(small(), example, budget=resolved)

    assert resolved.limit_ms == 7.0
    assert measured.reference_ms == 14.0


def test_two_models_can_be_visited_in_turn(example: Tensor) -> None:
    with LatencyMeter("cpu", BRIEF) as meter:
        first, second = meter.visits(small(), example), meter.visits(small(64), example)
        pairs = list(zip(first, second, strict=True))

    assert [one.num_visits for one, _ in pairs] == [1, 2, 3, 4, 5]
    assert pairs[-1][0].device.device == "cpu"


def test_the_model_is_left_as_it_was_found(example: Tensor) -> None:
    model = small()
    model[1].eval()
    state = {name: tensor.clone() for name, tensor in model.state_dict().items()}

    measure(model, example, settings=BRIEF)

    assert [module.training for module in model] == [True, False, True, True, True]
    assert all(parameter.requires_grad for parameter in model.parameters())
    assert all(torch.equal(tensor, state[name]) for name, tensor in model.state_dict().items())


def test_threads_are_given_back(example: Tensor) -> None:
    before = torch.get_num_threads()

    measure(small(), example, settings=BRIEF)

    assert torch.get_num_threads() == before


def test_profile_gives_a_row_for_each_model_and_a_cause_for_one_that_fails(example: Tensor) -> None:
    frame = profile({"good": small(), "bad": nn.Linear(3, 3)}, example, settings=BRIEF)

    LATENCY.check(frame)
    assert frame["model"].tolist() == ["good", "bad"]
    assert frame["status"].tolist()[1] == "failed"
    assert "Linear" in frame["cause"].tolist()[1]
