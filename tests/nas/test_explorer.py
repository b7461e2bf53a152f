"""Ask and tell: several trials may be open, none is proposed twice, nothing wrong is taken for a value."""

from dataclasses import replace

import pytest
import torch

from millinet.errors import ConfigError, UnknownNameError
from millinet.latency import measure
from nas import EvaluationError, Explorer, SearchConfig
from search_spaces import load_space, network

SPACE = load_space("tiny", in_channels=1, num_classes=10, resolution=(8, 8))


def test_open_trials_are_not_proposed_again() -> None:
    explorer = Explorer(SPACE)

    opened = [explorer.ask() for _ in range(6)]

    assert len({trial.architecture.fingerprint for trial in opened}) == 6


def test_trials_may_be_told_in_any_order() -> None:
    explorer = Explorer(SPACE)
    first, second, third = (explorer.ask() for _ in range(3))

    explorer.tell(third, 0.3)
    explorer.tell(first, 0.9)
    explorer.tell_failed(second, "the chip was unplugged")

    assert explorer.trials["trial"].tolist() == [0, 1, 2]
    assert explorer.trials["state"].tolist() == ["complete", "failed", "complete"]
    assert explorer.best == first.architecture


def test_over_the_limit_is_never_the_best() -> None:
    explorer = Explorer(SPACE, limit_ms=1.0)
    slow, fast = explorer.ask(), explorer.ask()

    explorer.tell(slow, 0.99, latency_ms=1.01)
    explorer.tell(fast, 0.5, latency_ms=1.0)

    assert explorer.best == fast.architecture
    assert explorer.trials["state"].tolist() == ["over budget", "complete"]
    assert explorer.study.best_trial.number == fast.number


def test_a_value_that_is_none_leaves_the_trial_open() -> None:
    explorer = Explorer(SPACE, limit_ms=1.0)
    trial = explorer.ask()

    with pytest.raises(EvaluationError, match="evaluate returned None"):
        explorer.tell(trial, None, latency_ms=0.5)
    with pytest.raises(ConfigError, match=r"trial 0 needs its latency: tell\(trial, value, latency_ms="):
        explorer.tell(trial, 0.5)
    explorer.tell(trial, 0.5, latency_ms=0.5)

    assert explorer.trials["value"].tolist() == [0.5]


def test_a_front_is_asked_and_told() -> None:
    explorer = Explorer(SPACE, config=SearchConfig(objectives=("accuracy", "parameters", "memory")))

    for _ in range(6):
        trial = explorer.ask()
        explorer.tell(trial, float(trial.architecture.tally().macs))

    assert [direction.name for direction in explorer.study.directions] == ["MAXIMIZE", "MINIMIZE", "MINIMIZE"]
    assert explorer.study.best_trials
    assert explorer.trials["memory_mib"].notna().all()


def test_a_front_of_energy_is_told_measurements_that_count_it() -> None:
    explorer = Explorer(SPACE, config=SearchConfig(objectives=("accuracy", "energy")))
    trial = explorer.ask()
    measured = measure(trial.build(), torch.zeros(1, 1, 8, 8), device="cpu")

    with pytest.raises(ConfigError, match="needs its energy"):
        explorer.tell(trial, 0.9, latency_ms=1.0)
    with pytest.raises(ConfigError, match="needs its energy"):
        explorer.tell(trial, 0.9, measured=measured)
    # No board of this machine counts energy, so the count is made up.
    explorer.tell(trial, 0.9, measured=replace(measured, energy_mj=3.5))

    assert explorer.study.best_trials[0].values == [0.9, 3.5]
    assert explorer.trials["energy_mj"].tolist() == [3.5]


def test_what_lies_outside_the_space_cannot_be_enqueued() -> None:
    explorer = Explorer(SPACE)

    with pytest.raises(ConfigError, match="space 'tiny' has"):
        explorer.enqueue(network("resnet18", num_classes=10, in_channels=1, resolution=(8, 8)))
    with pytest.raises(UnknownNameError, match="did you mean 'resnet20'"):
        explorer.enqueue("resnet2")


def test_a_limit_that_is_no_time_is_refused() -> None:
    with pytest.raises(ConfigError, match="must be a positive time, got -1"):
        Explorer(SPACE, limit_ms=-1.0)
