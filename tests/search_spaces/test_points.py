"""Points of a space without architectures: the same points, the same neighbours, the same costs."""

from math import log

import numpy as np
import pytest
from optuna.trial import FixedTrial

from search_spaces import Points, load_space

PRESETS = ("convnet", "mobile", "resnet", "tiny")


@pytest.mark.parametrize("name", PRESETS)
def test_a_point_and_its_parameters_name_each_other(name: str) -> None:
    space, rng = load_space(name), np.random.default_rng(0)
    points = Points(space)

    for _ in range(20):
        point = points.draw(rng)
        params = points.params(point)

        assert space.params(space.suggest(FixedTrial(params))) == params
        assert points.locate(params) == point


@pytest.mark.parametrize("name", PRESETS)
def test_costs_are_those_of_the_architecture(name: str) -> None:
    space, rng = load_space(name), np.random.default_rng(1)
    points = Points(space)

    for _ in range(20):
        point = points.edit(points.draw(rng), rng)

        architecture = space.suggest(FixedTrial(points.params(point)))
        tally = architecture.tally()
        log_macs, log_parameters = points.log_costs(point)
        assert log_macs == pytest.approx(log(tally.macs + 1))
        # Norms and biases follow from the layers, which are counted as the usual ones.
        assert log_parameters == pytest.approx(log(tally.parameters + 1), abs=0.05)


def test_edits_reach_exactly_the_neighbours_of_the_space() -> None:
    space, rng = load_space("tiny"), np.random.default_rng(2)
    points = Points(space)
    point = points.draw(rng)

    reached = {points.edit(point, rng) for _ in range(2000)}

    neighbours = space.neighbours(space.suggest(FixedTrial(points.params(point))))
    assert {points.locate(space.params(one)) for one in neighbours} == reached


def test_choices_bear_one_name_whatever_was_offered() -> None:
    points, rng = Points(load_space("convnet")), np.random.default_rng(3)

    names = {name for _ in range(200) for name in points.choices(points.draw(rng))}

    assert not any("[" in name for name in names)
