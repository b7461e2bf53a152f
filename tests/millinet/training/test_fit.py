import dataclasses
import shutil
from collections.abc import Callable

import pytest
import torch
from torch import nn

from millinet.data import DataSet
from millinet.errors import ConfigError, DivergedError
from millinet.training import RECIPES, EpochRecord, Recipe, evaluate, fit

MakeNet = Callable[..., nn.Module]
SHORT = Recipe(epochs=3, batch_size=128, learning_rate=0.05)


def test_the_quick_recipe_teaches_a_small_network_the_digits(digits: DataSet, small_net: MakeNet) -> None:
    model = small_net()

    result = fit(model, digits, RECIPES["quick"], device="cpu")

    assert evaluate(model, digits.test, data=digits, device="cpu").accuracy >= 0.97
    assert result.epochs == RECIPES["quick"].epochs
    assert not result.stopped


def test_the_model_keeps_the_weights_that_were_best_on_validation(
    digits: DataSet, small_net: MakeNet
) -> None:
    model = small_net()

    result = fit(model, digits, SHORT, device="cpu")

    assert result.best_accuracy == max(record.accuracy for record in result.history)
    assert evaluate(model, digits.validation, data=digits, device="cpu").accuracy == result.best_accuracy


def test_a_seed_gives_the_same_weights(digits: DataSet, small_net: MakeNet) -> None:
    first, second, other = small_net(), small_net(), small_net()

    fit(first, digits, SHORT, device="cpu", seed=3)
    torch.rand(100)
    fit(second, digits, SHORT, device="cpu", seed=3)
    fit(other, digits, SHORT, device="cpu", seed=4)

    assert torch.equal(first[0].weight, second[0].weight)
    assert not torch.equal(first[0].weight, other[0].weight)


def test_torch_randomness_mode_and_test_split_are_left_alone(digits: DataSet, small_net: MakeNet) -> None:
    blind = dataclasses.replace(digits, test=None)
    model = small_net().eval()
    model[1].train()
    torch.manual_seed(5)
    state = torch.get_rng_state()

    fit(model, blind, SHORT, device="cpu")

    assert torch.equal(torch.get_rng_state(), state)
    assert [module.training for module in (model, model[0], model[1])] == [False, False, True]


def test_on_epoch_sees_every_epoch_and_may_end_the_training(digits: DataSet, small_net: MakeNet) -> None:
    seen: list[EpochRecord] = []

    def watch(record: EpochRecord) -> bool:
        seen.append(record)
        return record.epoch == 2

    result = fit(small_net(), digits, SHORT, device="cpu", on_epoch=watch)

    assert [record.epoch for record in seen] == [1, 2]
    assert result.history == seen
    assert result.stopped


def test_patience_ends_a_training_that_gets_no_better(digits: DataSet, small_net: MakeNet) -> None:
    frozen = small_net()
    recipe = dataclasses.replace(SHORT, epochs=9, patience=2, learning_rate=1e-12, warmup=0.0)

    result = fit(frozen, digits, recipe, device="cpu")

    assert result.stopped
    assert result.epochs < 9


def deep_linear() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 64), nn.Linear(64, 10))


def test_a_training_that_diverges_at_every_rate_says_so(few_digits: DataSet) -> None:
    recipe = Recipe(epochs=2, batch_size=20, learning_rate=1e12)

    with pytest.raises(DivergedError, match=r"loss became (nan|inf) in epoch 1, with a rate of at most"):
        fit(deep_linear(), few_digits, recipe, device="cpu")


def test_a_training_that_diverges_is_begun_again_at_a_tenth_of_the_rate(few_digits: DataSet) -> None:
    recipe = Recipe(epochs=2, batch_size=20, learning_rate=1e4, retries=6)
    model, direct = deep_linear(), deep_linear()

    result = fit(model, few_digits, recipe, device="cpu")

    assert result.num_retries >= 1
    gentler = dataclasses.replace(recipe, learning_rate=1e4 * 0.1**result.num_retries)
    fit(direct, few_digits, gentler, device="cpu")
    assert torch.equal(model[1].weight, direct[1].weight)


def test_batch_size_one_and_batch_norm_do_not_go_together(few_digits: DataSet, small_net: MakeNet) -> None:
    with pytest.raises(ConfigError, match="got batch_size=1"):
        fit(small_net(), few_digits, Recipe(epochs=1, batch_size=1), device="cpu")


def test_a_single_training_image_and_batch_norm_do_not_go_together(
    few_digits: DataSet, small_net: MakeNet
) -> None:
    lonely = few_digits.with_train(few_digits.train.subset([0]))

    with pytest.raises(ConfigError, match="and 1 training images"):
        fit(small_net(), lonely, SHORT, device="cpu")


def test_pairs_of_an_odd_number_of_images_leave_none_alone(few_digits: DataSet) -> None:
    model = nn.Sequential(nn.Flatten(), nn.Linear(64, 8), nn.BatchNorm1d(8), nn.Linear(8, 10))
    odd = few_digits.with_train(few_digits.train.subset(range(7)))

    assert fit(model, odd, Recipe(epochs=1, batch_size=2), device="cpu").epochs == 1


def test_a_last_batch_of_one_image_does_not_break_batch_norm(digits: DataSet, small_net: MakeNet) -> None:
    model = nn.Sequential(nn.Flatten(), nn.Linear(64, 8), nn.BatchNorm1d(8), nn.Linear(8, 10))
    odd = digits.with_train(digits.train.subset(range(65)))

    assert fit(model, odd, Recipe(epochs=1, batch_size=64), device="cpu").epochs == 1


def test_bf16_and_contiguous_training_also_learn(digits: DataSet, small_net: MakeNet) -> None:
    recipe = dataclasses.replace(SHORT, precision="bf16", channels_last=False, label_smoothing=0.1)

    assert fit(small_net(), digits, recipe, device="cpu").best_accuracy > 0.8


def test_weights_return_in_the_layout_they_came_in(few_digits: DataSet, small_net: MakeNet) -> None:
    model = small_net()

    fit(model, few_digits, dataclasses.replace(SHORT, epochs=1), device="cpu")

    assert model[3].weight.is_contiguous()
    assert model[3].weight.dtype == torch.float32


def test_the_interval_of_an_evaluation_holds_its_accuracy(digits: DataSet, small_net: MakeNet) -> None:
    judged = evaluate(small_net(), digits.test, data=digits, device="cpu", batch_size=100)

    assert judged.num_images == 359
    assert judged.accuracy == judged.correct / 359
    assert judged.low <= judged.accuracy <= judged.high


def test_the_batch_size_of_an_evaluation_changes_nothing(digits: DataSet, small_net: MakeNet) -> None:
    model = small_net()

    one = evaluate(model, digits.test, data=digits, device="cpu", batch_size=1)
    many = evaluate(model, digits.test, data=digits, device="cpu", batch_size=359)

    assert one.correct == many.correct
    assert one.loss == pytest.approx(many.loss, rel=1e-5)


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("c++") is None, reason="torch.compile needs a C++ compiler on the CPU")
def test_a_compiled_training_learns_and_leaves_the_model_as_it_was(
    digits: DataSet, small_net: MakeNet
) -> None:
    model = small_net()
    names = list(model.state_dict())

    result = fit(model, digits, dataclasses.replace(SHORT, compile=True), device="cpu")

    assert result.best_accuracy > 0.8
    assert list(model.state_dict()) == names
