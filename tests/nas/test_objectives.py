"""What a search optimises."""

from math import log
from pathlib import Path

import numpy as np
import pytest
import torch

from millinet.errors import ConfigError, UnknownNameError
from nas import search
from nas.config import SearchConfig
from nas.objectives import OBJECTIVES, blend, check_countable, directions, losses_of, values_of

ROW = {
    "accuracy": 0.9,
    "latency_ms": 2.0,
    "parameters": 1000,
    "macs": 5000,
    "memory_mib": 0.5,
    "energy_mj": 7.0,
}


def test_every_objective_is_read_from_the_row_in_its_own_unit() -> None:
    assert values_of(ROW, tuple(OBJECTIVES)) == [0.9, 2.0, 1000, 5000, 0.5, 7.0]
    assert values_of({"accuracy": None}, ("accuracy",)) is None


def test_an_objective_of_the_users_own_stands_for_the_accuracy() -> None:
    assert values_of({"accuracy": None, "value": -3.5}, ("accuracy",)) == [-3.5]


def test_accuracy_is_maximised_and_the_rest_minimised_by_ratio() -> None:
    assert directions(("accuracy", "memory")) == ["maximize", "minimize"]
    assert losses_of(ROW, ("accuracy", "latency")) == [-0.9, log(2.0)]


def test_one_loss_is_left_alone_and_several_are_blended() -> None:
    rng = np.random.default_rng(0)

    single = blend([[0.3], None, [0.1]], rng)
    several = blend([[0.0, 0.0], [1.0, 1.0], None], rng)

    assert single == [0.3, None, 0.1]
    # The first is best in both: zero. The second is worst in both: its largest weight and 0.05.
    assert several[0] == 0.0
    assert several[1] is not None
    assert 0.5 + 0.05 <= several[1] <= 1.05
    assert several[2] is None


def test_impossible_objectives_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"got \['latency'\]; for example accuracy,latency,parameters"):
        SearchConfig(objectives=("latency",))
    with pytest.raises(ConfigError, match="once each"):
        SearchConfig(objectives=("accuracy", "accuracy"))
    with pytest.raises(UnknownNameError, match="no objective called 'speed'"):
        SearchConfig(objectives=("accuracy", "speed"))


def test_energy_is_refused_where_nothing_counts_it(tmp_path: Path) -> None:
    check_countable(("accuracy", "latency"), torch.device("cpu"))
    config = SearchConfig(objectives=("accuracy", "energy"), num_trials=2, device="cpu")

    with pytest.raises(ConfigError, match=r"board of a GPU .* cpu shows none; leave it out"):
        search("tiny", "digits", "2ms", out=tmp_path / "run", config=config)
    with pytest.raises(ConfigError, match=r"cpu shows none"):
        search("tiny", evaluate=lambda architecture: 1.0, out=tmp_path / "run", config=config)

    assert not (tmp_path / "run").exists()
