"""Samplers that would propose a network again: what was trained or measured is not tried twice."""

from pathlib import Path

import numpy as np
import pytest

from nas import Explorer, SearchConfig, search
from nas.samplers.distinct import nearest_unknown
from search_spaces import Architecture, SearchSpace, load_space

IMAGES = {"in_channels": 1, "num_classes": 10, "resolution": (8, 8)}
FEW = """
name = "few"
[stem]
conv3 = { width = [16, 24] }
[[stages]]
depth = [1, 2]
width = 32
stride = 1
[stages.blocks]
basic = {}
inverted = { expand = [2, 4] }
[head]
dense = {}
"""
SPACE = SearchSpace.from_toml(FEW, **IMAGES)
STOCK = ("tpe", "nsga2", "gp", "random", "optuna.samplers.QMCSampler", "optuna.samplers.BruteForceSampler")


def smallness(architecture: Architecture) -> float:
    return -float(architecture.tally().parameters)


@pytest.mark.parametrize("sampler", STOCK)
def test_as_many_trials_as_networks_try_each_once(sampler: str) -> None:
    assert SPACE.size == 12

    found = search(SPACE, evaluate=smallness, config=SearchConfig(num_trials=12, sampler=sampler))

    assert found.trials["fingerprint"].nunique() == 12


def test_a_space_with_nothing_left_ends_the_search_with_what_it_has() -> None:
    found = search(SPACE, evaluate=smallness, config=SearchConfig(num_trials=20, sampler="random"))

    assert len(found.trials) == 12


def test_what_was_tried_before_a_resumption_is_not_tried_again(tmp_path: Path) -> None:
    for num_trials in (5, 12):
        config = SearchConfig(num_trials=num_trials, sampler="random")
        found = search(SPACE, evaluate=smallness, config=config, out=tmp_path / "run")

    assert found.trials["fingerprint"].nunique() == 12


def test_open_and_failed_trials_count_as_tried() -> None:
    explorer = Explorer(SPACE, config=SearchConfig(sampler="tpe"))
    opened = [explorer.ask() for _ in range(12)]
    explorer.tell_failed(opened[0], "the chip was unplugged")

    assert len({trial.architecture for trial in opened}) == 12


def test_what_is_unknown_is_kept_as_it_is_wanted() -> None:
    wanted = SPACE.sample(np.random.default_rng(0))

    assert nearest_unknown(wanted, SPACE, set(), np.random.default_rng(0)) is wanted


def test_what_is_known_gives_way_to_a_neighbour() -> None:
    space = load_space("tiny", **IMAGES)
    wanted = space.sample(np.random.default_rng(1))

    found = nearest_unknown(wanted, space, {wanted.fingerprint}, np.random.default_rng(0))

    assert found in space.neighbours(wanted)


def test_where_all_is_known_nothing_is_found() -> None:
    known = {SPACE.sample(np.random.default_rng(seed)).fingerprint for seed in range(200)}
    assert len(known) == 12

    wanted = SPACE.sample(np.random.default_rng(0))

    assert nearest_unknown(wanted, SPACE, known, np.random.default_rng(0)) is None
