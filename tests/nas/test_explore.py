"""A search by an objective of the user's own: any callable, and nothing it returns breaks the study."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from millinet.errors import ConfigChangedError, ConfigError, InfeasibleBudgetError
from millinet.runs import RunFolder
from nas import Conditions, EvaluationError, Explored, Score, SearchConfig, Trial, search
from nas.proposal import SpaceExhaustedError
from search_spaces import Architecture, SearchSpace, load_space, network

SPACE = load_space("tiny", in_channels=1, num_classes=10, resolution=(8, 8))
FEW = SearchConfig(num_trials=6)


def smallness(architecture: Architecture) -> float:
    return -float(architecture.tally().parameters)


def run(evaluate: Callable[..., Any], **settings: Any) -> Explored:
    return search(SPACE, evaluate=evaluate, config=FEW, **settings)


def test_the_best_is_the_candidate_of_the_highest_value() -> None:
    found = run(smallness)

    assert len(found.trials) == 6
    assert set(found.trials["state"]) == {"complete"}
    assert found.trials["fingerprint"].is_unique
    assert smallness(found.best) == found.trials["value"].max()


def test_the_objective_is_learnt() -> None:
    found = search(SPACE, evaluate=smallness, config=SearchConfig(num_trials=18))

    late, early = found.trials["value"][-6:], found.trials["value"][:6]
    assert late.mean() > early.max()


@pytest.mark.parametrize(
    ("returned", "cause"),
    [
        (float("nan"), "evaluate returned nan; return one finite number"),
        (float("inf"), "evaluate returned inf"),
        (None, "evaluate returned None; return one finite number, higher is better"),
        (torch.zeros(3), r"evaluate returned a Tensor of shape \(3,\)"),
        ("0.9", "evaluate returned the text '0.9'"),
        ({"accuracy": 0.9}, "evaluate returned a dict"),
        (Score(0.5, -1.0), "a latency of -1 ms; it must be positive"),
    ],
)
def test_what_is_no_number_fails_its_trial_and_the_search_goes_on(returned: Any, cause: str) -> None:
    answers = iter([returned])

    found = run(lambda architecture: next(answers, 0.5))

    failed = found.trials[found.trials["state"] == "failed"]
    assert failed["cause"].str.contains(cause).tolist() == [True]
    assert (found.trials["value"].dropna() == 0.5).sum() == 5


def test_a_tensor_of_one_element_is_a_number() -> None:
    assert run(lambda architecture: torch.tensor([0.25])).trials["value"].tolist() == [0.25] * 6


def test_an_objective_that_raises_costs_its_trial() -> None:
    def evaluate(architecture: Architecture) -> float:
        if "inverted" in architecture.blocks:
            raise ValueError("no depthwise on this chip")
        return 1.0

    found = search(SPACE, evaluate=evaluate, config=SearchConfig(num_trials=10))

    failed = found.trials[found.trials["state"] == "failed"]
    assert set(failed["cause"]) == {"ValueError: no depthwise on this chip"}
    assert len(found.trials) == 10


def test_an_objective_that_would_end_the_program_costs_its_trial() -> None:
    leaving = iter([3])

    def evaluate(architecture: Architecture) -> float:
        for code in leaving:
            sys.exit(code)
        return 1.0

    found = run(evaluate)

    assert found.trials["cause"][0] == "SystemExit: 3"


def test_a_loss_still_on_its_graph_is_a_number() -> None:
    loss = torch.full((1,), 0.25, requires_grad=True).sum()

    assert run(lambda architecture: loss).trials["value"].tolist() == [0.25] * 6


@pytest.mark.parametrize("evaluate", [lambda: 1.0, lambda one, two, three: 1.0, lambda one, *, rate: rate])
def test_an_objective_that_cannot_be_called_is_refused_at_once(evaluate: Callable[..., float]) -> None:
    with pytest.raises(ConfigError, match=r"called with an architecture, .* got \(.*functools.partial"):
        run(evaluate)


def test_where_nothing_could_be_evaluated_the_last_cause_is_told() -> None:
    with pytest.raises(EvaluationError, match=r"none of 6 trials came to a value; .* ZeroDivisionError"):
        run(lambda architecture: 1 / 0)


def test_ctrl_c_keeps_what_was_finished(tmp_path: Path) -> None:
    calls = []

    def evaluate(architecture: Architecture) -> float:
        calls.append(architecture.fingerprint)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return 1.0

    with pytest.raises(KeyboardInterrupt):
        run(evaluate, out=tmp_path / "run")

    found = run(evaluate, out=tmp_path / "run")
    assert len(found.trials) == 6
    assert len(calls) == 7
    assert calls[3] == calls[2]
    assert found.trials["fingerprint"].is_unique


def test_a_candidate_that_ends_every_search_is_given_up(tmp_path: Path) -> None:
    calls: list[str] = []

    def evaluate(architecture: Architecture) -> float:
        calls.append(architecture.fingerprint)
        if calls[-1] == calls[0]:
            raise KeyboardInterrupt
        return 1.0

    for _ in range(3):
        with pytest.raises(KeyboardInterrupt):
            run(evaluate, out=tmp_path / "run")
    found = run(evaluate, out=tmp_path / "run")

    assert calls[:3] == [calls[0]] * 3
    assert calls[0] not in calls[3:]
    assert len(found.trials) == 6


def test_no_trial_begins_when_the_time_is_up_but_one_is_always_made(tmp_path: Path) -> None:
    found = run(smallness, out=tmp_path / "run", conditions=Conditions(max_seconds=1e-6))

    assert len(found.trials) == 1
    assert "the time is up after 1 of 6 trials" in RunFolder.open(tmp_path / "run").record.notes[-1]
    assert len(run(smallness, out=tmp_path / "run").trials) == 6


def test_conditions_that_play_no_part_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"max_seconds and max_retries count, got num_workers"):
        run(smallness, conditions=Conditions(num_workers=2))


def test_the_same_seed_proposes_the_same() -> None:
    assert run(smallness).trials["fingerprint"].tolist() == run(smallness).trials["fingerprint"].tolist()


def test_a_folder_is_resumed_to_the_total_and_another_objective_refused(tmp_path: Path) -> None:
    first = run(smallness, out=tmp_path / "run")

    again = search(SPACE, evaluate=smallness, config=SearchConfig(num_trials=8), out=tmp_path / "run")

    assert again.trials["fingerprint"].tolist()[:6] == first.trials["fingerprint"].tolist()
    assert len(again.trials) == 8
    with pytest.raises(ConfigChangedError, match=r"objective: .*smallness.* -> .*other"):
        run(other, out=tmp_path / "run")


def other(architecture: Architecture) -> float:
    return 0.0


def test_candidates_over_the_budget_are_never_evaluated() -> None:
    evaluated: list[str] = []

    def evaluate(architecture: Architecture) -> float:
        evaluated.append(architecture.fingerprint)
        return 1.0

    with pytest.raises(InfeasibleBudgetError, match="the fastest, trial"):
        search(
            SPACE,
            evaluate=evaluate,
            budget="1us",
            config=SearchConfig(num_trials=2, num_probes=4),
        )

    assert evaluated == []


def test_a_budget_is_measured_before_the_objective_is_asked() -> None:
    config = SearchConfig(num_trials=3, num_probes=4)

    found = search(SPACE, evaluate=smallness, budget="1s", config=config)

    assert (found.trials["latency_ms"] < 1000.0).all()
    assert (found.trials["latency_ms"] <= found.trials["latency_high_ms"]).all()
    assert (found.trials["latency_high_ms"] < 1000.0).all()


def test_an_objective_of_two_parameters_gets_the_trial_and_may_report() -> None:
    def evaluate(architecture: Architecture, trial: Trial) -> float:
        value = 0.9 if trial.number < 4 else 0.1
        for _ in range(3):
            if trial.report(value):
                break
        return value

    found = run(evaluate)

    assert found.trials["state"].tolist() == ["complete"] * 4 + ["pruned early"] * 2
    assert found.trials["epochs"].tolist() == [3] * 4 + [2] * 2


@pytest.mark.parametrize("sampler", ["gated", "tpe", "nsga2", "random"])
def test_named_networks_of_the_space_come_first_whatever_the_sampler(sampler: str) -> None:
    space = load_space("convnet", in_channels=3, num_classes=10, resolution=(32, 32))
    config = SearchConfig(num_trials=4, sampler=sampler)

    found = search(space, evaluate=lambda architecture: 1.0, config=config)

    names = ("resnet20", "resnet56", "dpn92_small", "vgg_small")
    assert set(found.trials["fingerprint"]) == {_named(space, name).fingerprint for name in names}


def _named(space: SearchSpace, name: str) -> Architecture:
    return network(
        name,
        num_classes=space.num_classes,
        in_channels=space.in_channels,
        resolution=space.resolution,
    )


def test_what_is_enqueued_is_evaluated_first() -> None:
    wanted = SPACE.sample(np.random.default_rng(7))

    found = run(smallness, enqueue=[wanted])

    assert found.trials["fingerprint"][0] == wanted.fingerprint


def test_neither_data_nor_evaluate_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"either data and out, .* or evaluate"):
        search(SPACE)  # type: ignore[call-overload]
    with pytest.raises(ConfigError, match="evaluate must be callable, got 3"):
        search(SPACE, evaluate=3)  # type: ignore[call-overload]


ONE_POINT = """
name = "one"
[stem]
conv3 = { width = 16 }
[[stages]]
depth = 1
width = 32
stride = 1
[stages.blocks]
basic = {}
[head]
dense = {}
"""


def test_a_space_of_one_point_is_searched_once_and_then_said_to_be_exhausted(tmp_path: Path) -> None:
    space = SearchSpace.from_toml(ONE_POINT, in_channels=1, num_classes=10, resolution=(8, 8))
    assert space.size == 1

    found = search(space, evaluate=smallness, config=FEW, out=tmp_path / "run")

    assert len(found.trials) == 1
    assert found.best == space.sample(np.random.default_rng(0))
    with pytest.raises(SpaceExhaustedError, match=r"all 1 candidates .* enlarge the space"):
        found.explorer.ask()


def test_a_folder_says_how_its_search_ended(tmp_path: Path) -> None:
    def interrupted(architecture: Architecture) -> float:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(interrupted, out=tmp_path / "left")
    with pytest.raises(EvaluationError):
        run(lambda architecture: None, out=tmp_path / "failed")
    with pytest.raises(InfeasibleBudgetError):
        search(
            SPACE,
            evaluate=smallness,
            budget="1us",
            out=tmp_path / "over",
            config=SearchConfig(num_trials=2, num_probes=4),
        )

    ended = {name: RunFolder.open(tmp_path / name).record.status for name in ("left", "failed", "over")}
    assert ended == {"left": "interrupted", "failed": "failed", "over": "infeasible"}
