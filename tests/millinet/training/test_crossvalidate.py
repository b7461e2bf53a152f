import dataclasses
import math
from collections.abc import Callable

import pytest
from torch import nn

from millinet.data import DataSet
from millinet.errors import ConfigError, DataError
from millinet.training import Recipe, cross_validate, deal_folds
from millinet.training.crossvalidate import resampled_interval

MakeNet = Callable[..., nn.Module]
RECIPE = Recipe(epochs=3, batch_size=64, learning_rate=0.05)


def test_every_known_image_is_judged_and_the_test_split_is_not(digits: DataSet, small_net: MakeNet) -> None:
    blind = dataclasses.replace(digits, test=None)

    found = cross_validate(small_net, blind, RECIPE, num_folds=3, repeats=2, device="cpu")

    assert len(found.accuracies) == 6
    assert found.num_images == 1168 + 270
    assert found.interval.low < found.interval.estimate < found.interval.high
    assert found.interval.estimate > 0.85


def test_the_interval_is_the_one_worked_out_by_hand() -> None:
    # Mean 0.8, deviation 0.1; t = 4.3027 for 2 degrees; variance factor 1/3 + 1/2.
    interval = resampled_interval([0.7, 0.8, 0.9], num_folds=3, confidence=0.95)

    assert interval.estimate == pytest.approx(0.8)
    assert 0.8 - interval.low == pytest.approx(4.30265 * 0.1 * math.sqrt(1 / 3 + 1 / 2), rel=1e-4)
    assert interval.high == 1.0


@pytest.mark.parametrize(
    ("num_folds", "repeats", "message"),
    [(1, 1, "got 1 folds"), (720, 1, "got 720 folds of 1438 images"), (3, 0, "dealt 0 times")],
)
def test_folds_that_cannot_be_made_are_refused(
    digits: DataSet, small_net: MakeNet, num_folds: int, repeats: int, message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        cross_validate(small_net, digits, RECIPE, num_folds=num_folds, repeats=repeats)


def test_folds_that_leave_nothing_to_stop_by_are_refused_before_any_training(digits: DataSet) -> None:
    # Two images a class: each half leaves one of a class, which none can be held back from.
    places = [(digits.train.labels == label).nonzero().flatten()[:2] for label in range(10)]
    few = dataclasses.replace(
        digits,
        train=digits.train.subset([int(pair[0]) for pair in places]),
        validation=digits.train.subset([int(pair[1]) for pair in places]),
    )

    with pytest.raises(DataError, match="at least 2 images"):
        deal_folds(few, num_folds=2)
