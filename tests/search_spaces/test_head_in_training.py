"""The trainer starts a sparse-coded head from the data, and tells its health."""

from dataclasses import replace

import pytest
import torch
from torch import nn

from millinet.data import DataSet, load_data
from millinet.training import RECIPES, evaluate, fit
from search_spaces import Architecture, Head, Stage, Stem


@pytest.fixture(scope="module")
def digits() -> DataSet:
    data = load_data("digits")
    return data.with_train(data.train.subset(range(400)))


def classifier(**options: object) -> nn.Module:
    return Architecture(
        in_channels=1,
        num_classes=10,
        resolution=(8, 8),
        stem=Stem(name="conv3", width=16),
        stages=(Stage(block="basic", depth=1, width=32), Stage(block="basic", depth=1, width=64, stride=2)),
        head=Head(name="sparse-coded", options=options),  # type: ignore[arg-type]
    ).build()


@pytest.mark.parametrize("options", [{"start": "class-means"}, {"start": "dictionary-learning", "atoms": 2}])
def test_a_head_that_starts_from_data_begins_at_a_lower_loss(
    options: dict[str, object], digits: DataSet
) -> None:
    gentle = replace(RECIPES["quick"], epochs=1, learning_rate=1e-3)
    found = {}
    for name, chosen in (("data", options), ("random", {})):
        torch.manual_seed(0)
        found[name] = fit(classifier(**chosen), digits, gentle, device="cpu").history[0].train_loss

    assert found["data"] < 0.9 * found["random"], found


def test_the_health_of_the_trained_head_is_in_range(digits: DataSet) -> None:
    model = classifier()

    result = fit(model, digits, replace(RECIPES["quick"], epochs=4), device="cpu")

    assert 0.5 <= result.health["head.zeros"] <= 0.95
    assert result.health["head.dead_atoms"] <= 0.1
    assert result.health["head.silent_classes"] == 0


def test_a_trained_head_is_recovered_and_not_started_again(digits: DataSet) -> None:
    model = classifier(start="class-means")
    fit(model, digits, replace(RECIPES["quick"], epochs=4), device="cpu")
    before = evaluate(model, digits.validation, data=digits).accuracy
    atoms = model.head.coder.weight.detach().clone()

    fit(model, digits, replace(RECIPES["recover"], epochs=1, learning_rate=1e-6), device="cpu")

    torch.testing.assert_close(model.head.coder.weight.detach(), atoms, atol=1e-3, rtol=0)
    assert evaluate(model, digits.validation, data=digits).accuracy > before - 0.1
