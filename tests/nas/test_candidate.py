"""A candidate is measured before it is trained, and what goes wrong in it costs it alone."""

from collections.abc import Iterator
from dataclasses import replace
from math import log

import pytest
import torch
from torch import nn

from millinet.data import DataSet, load_data
from millinet.errors import ConfigError, DivergedError
from millinet.latency import Budget, LatencyMeter
from millinet.training import RECIPES
from nas.candidate import FAILED, OVER_BUDGET, cause_of, try_candidate
from nas.config import SearchConfig
from nas.fidelity import Peer
from nas.problem import Problem
from search_spaces import Architecture, load_space

SPACE = load_space("tiny", in_channels=1, num_classes=10, resolution=(8, 8))


class Unread:
    """A test split that must not be looked at."""

    def __getattr__(self, name: str) -> object:
        raise AssertionError(f"the test split was read: {name}")

    def __len__(self) -> int:
        raise AssertionError("the test split was counted")


@pytest.fixture(scope="module")
def problem() -> Iterator[Problem]:
    data: DataSet = replace(load_data("digits"), test=Unread())  # type: ignore[arg-type]
    with LatencyMeter("cpu") as meter:
        yield Problem(
            space=SPACE,
            data=data,
            budget=Budget.parse("1s"),
            meter=meter,
            device="cpu",
            recipe=replace(RECIPES["quick"], epochs=3),
            config=SearchConfig(),
        )


@pytest.fixture(scope="module")
def architecture() -> Architecture:
    import numpy as np

    return SPACE.sample(np.random.default_rng(5))


def test_a_candidate_inside_the_budget_is_trained_without_the_test_split(
    problem: Problem, architecture: Architecture
) -> None:
    outcome = try_candidate(architecture, problem, seed=0)

    assert outcome.state == "complete", outcome.cause
    assert outcome.verdict == "meets"
    assert len(outcome.history) == 3
    assert outcome.accuracy == max(record.accuracy for record in outcome.history)


def test_a_candidate_over_the_budget_is_measured_and_not_trained(
    problem: Problem, architecture: Architecture
) -> None:
    outcome = try_candidate(architecture, replace(problem, budget=Budget.parse("1us")), seed=0)

    assert outcome.state == OVER_BUDGET
    assert outcome.latency is not None
    assert outcome.latency.low_ms > 0.001
    assert outcome.history == []


def test_a_candidate_left_behind_is_stopped(problem: Problem, architecture: Architecture) -> None:
    perfect = [Peer(0.0, (1.0, 1.0, 1.0))] * 5

    outcome = try_candidate(architecture, problem, seed=0, peers=perfect)

    assert outcome.state == "pruned early"
    assert len(outcome.history) == 2


class Broken:
    """An architecture whose network fails in a given way."""

    def __init__(self, error: BaseException) -> None:
        self.error = error

    def build(self) -> nn.Module:
        raise self.error


@pytest.mark.parametrize(
    ("error", "cause"),
    [
        (torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 EiB"), "out of memory"),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried"), "out of memory"),
        (MemoryError(), "out of memory"),
        (DivergedError("loss is nan in epoch 2"), "diverged: loss is nan in epoch 2"),
        (ValueError("width 7 is\nnot divisible by 2"), "ValueError: width 7 is not divisible by 2"),
    ],
)
def test_what_fails_costs_one_trial_and_is_named(problem: Problem, error: BaseException, cause: str) -> None:
    outcome = try_candidate(Broken(error), problem, seed=0)  # type: ignore[arg-type]

    assert outcome.state == FAILED
    assert outcome.cause == cause
    assert cause_of(error) == cause


@pytest.mark.parametrize(
    ("error", "may_pass"),
    [
        (MemoryError(), True),
        (ValueError("width 7 is not divisible by 2"), False),
        (OSError(5, "Input/output error"), False),
    ],
)
def test_what_fails_to_be_built_would_fail_again_unless_memory_was_short(
    problem: Problem, error: BaseException, may_pass: bool
) -> None:
    outcome = try_candidate(Broken(error), problem, seed=0)  # type: ignore[arg-type]

    assert outcome.may_pass == may_pass


class Failing:
    """An architecture whose network is measured and then fails in training."""

    def __init__(self, architecture: Architecture, error: BaseException) -> None:
        self.architecture, self.error = architecture, error

    def build(self) -> nn.Module:
        model = self.architecture.build()

        def fail(module: nn.Module, _: object) -> None:
            if module.training:
                raise self.error

        model.register_forward_pre_hook(fail)
        return model


@pytest.mark.parametrize(
    ("error", "may_pass"),
    [
        (RuntimeError("CUDA error: an illegal memory access was encountered"), True),
        (OSError(5, "Input/output error"), True),
        (DivergedError("loss is nan in epoch 2"), False),
        (ConfigError("width must be even, got 7"), False),
    ],
)
def test_what_fails_in_training_may_pass_unless_the_candidate_and_its_seed_decide_it(
    problem: Problem, architecture: Architecture, error: BaseException, may_pass: bool
) -> None:
    outcome = try_candidate(Failing(architecture, error), problem, seed=0)  # type: ignore[arg-type]

    assert (outcome.state, outcome.may_pass) == (FAILED, may_pass)
    assert outcome.latency is not None


def test_an_interruption_is_not_a_failure(problem: Problem) -> None:
    with pytest.raises(KeyboardInterrupt):
        try_candidate(Broken(KeyboardInterrupt()), problem, seed=0)  # type: ignore[arg-type]


def test_the_gate_sees_the_log_of_the_budget(problem: Problem) -> None:
    assert log(problem.limit_ms) == pytest.approx(log(1000.0))
