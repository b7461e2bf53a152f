import dataclasses

import pytest
import torch
from torch import nn

from millinet.data import DataSet, load_data
from millinet.errors import DivergedError
from millinet.training import RECIPES, EpochRecord, Recipe, evaluate, fit


@pytest.fixture(scope="module")
def digits() -> DataSet:
    return load_data("digits")


def small_net(seed: int = 0) -> nn.Module:
    torch.manual_seed(seed)
    return nn.Sequential(
        nn.Conv2d(1, 12, 3, padding=1, bias=False),
        nn.BatchNorm2d(12),
        nn.ReLU(),
        nn.Conv2d(12, 24, 3, stride=2, padding=1, bias=False),
        nn.BatchNorm2d(24),
        nn.ReLU(),
        nn.Dropout(0.05),
        nn.Flatten(),
        nn.Linear(24 * 16, 10),
    )


SHORT = Recipe(epochs=3, batch_size=128, learning_rate=0.05)


def test_the_quick_recipe_teaches_a_small_network_the_digits(digits: DataSet) -> None:
    model = small_net()

    result = fit(model, digits, RECIPES["quick"], device="cpu")

    assert evaluate(model, digits.test, data=digits, device="cpu").accuracy >= 0.97
    assert result.epochs == RECIPES["quick"].epochs
    assert not result.stopped


def test_the_model_keeps_the_weights_that_were_best_on_validation(digits: DataSet) -> None:
    model = small_net()

    result = fit(model, digits, SHORT, device="cpu")

    assert result.best_accuracy == max(record.accuracy for record in result.history)
    assert evaluate(model, digits.validation, data=digits, device="cpu").accuracy == result.best_accuracy


def test_a_seed_gives_the_same_weights(digits: DataSet) -> None:
    first, second, other = small_net(), small_net(), small_net()

    fit(first, digits, SHORT, device="cpu", seed=3)
    torch.rand(100)
    fit(second, digits, SHORT, device="cpu", seed=3)
    fit(other, digits, SHORT, device="cpu", seed=4)

    assert torch.equal(first[0].weight, second[0].weight)
    assert not torch.equal(first[0].weight, other[0].weight)


def test_torch_randomness_mode_and_test_split_are_left_alone(digits: DataSet) -> None:
    blind = dataclasses.replace(digits, test=None)
    model = small_net().eval()
    model[1].train()
    torch.manual_seed(5)
    state = torch.get_rng_state()

    fit(model, blind, SHORT, device="cpu")

    assert torch.equal(torch.get_rng_state(), state)
    assert [module.training for module in (model, model[0], model[1])] == [False, False, True]


def test_on_epoch_sees_every_epoch_and_may_end_the_training(digits: DataSet) -> None:
    seen: list[EpochRecord] = []

    def watch(record: EpochRecord) -> bool:
        seen.append(record)
        return record.epoch == 2

    result = fit(small_net(), digits, SHORT, device="cpu", on_epoch=watch)

    assert [record.epoch for record in seen] == [1, 2]
    assert result.history == seen
    assert result.stopped


def test_patience_ends_a_training_that_gets_no_better(digits: DataSet) -> None:
    frozen = small_net()
    recipe = dataclasses.replace(SHORT, epochs=9, patience=2, learning_rate=1e-12, warmup=0.0)

    result = fit(frozen, digits, recipe, device="cpu")

    assert result.stopped
    assert result.epochs < 9


def test_a_diverging_training_says_so(digits: DataSet) -> None:
    model = nn.Sequential(nn.Flatten(), nn.Linear(64, 64), nn.Linear(64, 10))
    recipe = Recipe(epochs=2, learning_rate=1e12)

    with pytest.raises(DivergedError, match=r"loss became (nan|inf) in epoch 1 at learning rate"):
        fit(model, digits, recipe, device="cpu")


def test_the_interval_of_an_evaluation_holds_its_accuracy(digits: DataSet) -> None:
    judged = evaluate(small_net(), digits.test, data=digits, device="cpu", batch_size=100)

    assert judged.num_images == 359
    assert judged.accuracy == judged.correct / 359
    assert judged.low <= judged.accuracy <= judged.high


def test_the_batch_size_of_an_evaluation_changes_nothing(digits: DataSet) -> None:
    model = small_net()

    one = evaluate(model, digits.test, data=digits, device="cpu", batch_size=1)
    many = evaluate(model, digits.test, data=digits, device="cpu", batch_size=359)

    assert one.correct == many.correct
    assert one.loss == pytest.approx(many.loss, rel=1e-5)
