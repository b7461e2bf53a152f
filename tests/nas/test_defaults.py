"""What a search takes where its user says nothing."""

import dataclasses

import pytest
import torch

from millinet.data import DataSet, Split, load_data
from nas.defaults import FEW_IMAGES, Recipes, default_budget, default_recipes, default_space


@pytest.fixture(scope="module")
def digits() -> DataSet:
    return load_data("digits")


def few(data: DataSet, count: int = FEW_IMAGES - 1) -> DataSet:
    return data.with_train(data.train.subset(range(count)))


def large(data: DataSet) -> DataSet:
    return dataclasses.replace(
        data, train=Split(torch.zeros(1, 3, 96, 96), torch.zeros(1)), input_shape=(3, 96, 96)
    )


def test_digits_are_enough_for_short_trials(digits: DataSet) -> None:
    assert default_recipes(digits) == Recipes("quick", "full")
    assert default_space(digits) == "tiny"
    assert default_budget(digits) == "0.5x:resnet20@batch=32"


def test_few_images_are_trained_by_the_recipe_for_few_in_the_space_for_few(digits: DataSet) -> None:
    assert default_recipes(few(digits)) == Recipes("small", "small")
    assert default_space(few(digits)) == "small"


def test_a_thousand_training_images_are_not_few(digits: DataSet) -> None:
    assert default_recipes(few(digits, FEW_IMAGES)).trial == "quick"


def test_few_large_images_take_the_space_for_large_ones(digits: DataSet) -> None:
    assert default_space(large(digits)) == "mobile"
    assert default_recipes(large(digits)).trial == "small"
    assert default_budget(large(digits)) == "0.5x:resnet50"
