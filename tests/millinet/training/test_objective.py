import dataclasses
import math
from collections.abc import Callable

import pytest
import torch
from torch import nn

from millinet.data import DataSet
from millinet.errors import ConfigError
from millinet.training import Recipe, evaluate, fit
from millinet.training.objective import Objective, balanced_weights, distillation_loss
from millinet.training.order import class_balanced, epoch_seed, shuffled

MakeNet = Callable[..., nn.Module]


def test_class_weights_are_the_inverse_frequencies_worked_out_by_hand() -> None:
    labels = torch.tensor([0, 0, 0, 1])

    assert balanced_weights(labels, 3).tolist() == pytest.approx([4 / 6, 2.0, 0.0])


def test_balanced_drawing_takes_each_class_about_as_often() -> None:
    labels = torch.tensor([0] * 900 + [1] * 100)

    drawn = labels[class_balanced(labels, 2, seed=0)]

    assert len(drawn) == 1000
    assert 430 < int((drawn == 1).sum()) < 570


def test_a_shuffle_holds_every_index_once_and_follows_from_its_seed() -> None:
    order = shuffled(100, seed=epoch_seed(0, 1))

    assert sorted(order.tolist()) == list(range(100))
    assert torch.equal(order, shuffled(100, seed=epoch_seed(0, 1)))
    assert not torch.equal(order, shuffled(100, seed=epoch_seed(0, 2)))


def test_a_student_that_agrees_with_its_teacher_loses_nothing() -> None:
    logits = torch.tensor([[2.0, -1.0, 0.5]])

    assert float(distillation_loss(logits, logits, temperature=2.0)) == pytest.approx(0.0, abs=1e-6)


def test_the_distillation_loss_is_the_divergence_worked_out_by_hand() -> None:
    even, sure = torch.zeros(1, 2), torch.tensor([[math.log(3.0), 0.0]])

    loss = distillation_loss(even, sure, temperature=1.0)

    assert float(loss) == pytest.approx(0.75 * math.log(1.5) + 0.25 * math.log(0.5))


def test_a_teacher_of_other_classes_is_refused(few_digits: DataSet) -> None:
    teacher = nn.Sequential(nn.Flatten(), nn.Linear(64, 7))
    objective = Objective(few_digits, Recipe(epochs=1), torch.device("cpu"), teacher=teacher)

    with pytest.raises(ConfigError, match="10 classes, got one of 7"):
        objective(torch.zeros(2, 10), torch.tensor([0, 1]), torch.zeros(2, 1, 8, 8))


def test_a_student_learns_from_its_teacher_alone(digits: DataSet, small_net: MakeNet) -> None:
    teacher, student = small_net(), small_net(seed=1)
    fit(teacher, digits, Recipe(epochs=4, batch_size=64), device="cpu")
    teacher.train()
    recipe = Recipe(epochs=4, batch_size=64, distillation=1.0, weight_decay=0.0)

    fit(student, digits, recipe, device="cpu", teacher=teacher)

    assert evaluate(student, digits.validation, data=digits).accuracy > 0.9
    assert teacher.training


@pytest.mark.parametrize("imbalance", ["loss", "sampling"])
def test_a_rare_class_is_found_more_often_when_it_counts_as_much(
    digits: DataSet, small_net: MakeNet, imbalance: str
) -> None:
    labels = digits.train.labels
    rare = (labels == 8).nonzero().flatten()[4:].tolist()
    kept = [index for index in range(len(labels)) if index not in set(rare)]
    skewed = digits.with_train(digits.train.subset(kept))
    eights = digits.validation.subset((digits.validation.labels == 8).nonzero().flatten())
    found = {}
    for choice in ("ignore", imbalance):
        model = small_net()
        recipe = Recipe(epochs=3, batch_size=64, learning_rate=0.05, imbalance=choice)
        fit(model, skewed, recipe, device="cpu")
        found[choice] = evaluate(model, eights, data=digits).correct

    assert found[imbalance] > found["ignore"]


def test_label_smoothing_spreads_its_share_as_worked_out_by_hand(few_digits: DataSet) -> None:
    objective = Objective(few_digits, Recipe(epochs=1, label_smoothing=0.2), torch.device("cpu"))
    sure = torch.tensor([[math.log(3.0), 0.0]])

    loss = objective(sure, torch.tensor([0]), torch.zeros(1, 1, 8, 8))

    # Nine tenths on the class with probability 3/4, one tenth on the other.
    assert float(loss) == pytest.approx(-0.9 * math.log(0.75) - 0.1 * math.log(0.25))


def test_a_clipped_gradient_moves_the_weights_by_the_length_allowed(few_digits: DataSet) -> None:
    model = nn.Sequential(nn.Flatten(), nn.Linear(64, 10))
    before = torch.cat([weight.detach().clone().flatten() for weight in model.parameters()])
    # Of the two steps the first goes at half the rate, and the last at none.
    recipe = Recipe(epochs=2, batch_size=200, learning_rate=1.0, momentum=0.5, weight_decay=0.0, warmup=0.0)

    fit(model, few_digits, dataclasses.replace(recipe, clip_norm=0.01), device="cpu")

    after = torch.cat([weight.detach().flatten() for weight in model.parameters()])
    # Nesterov's first step is the gradient and half of it again.
    assert float((after - before).norm()) == pytest.approx(0.5 * 1.5 * 0.01, rel=1e-3)
