"""Recovery measures batch norms anew, and learns from the unpruned network."""

import copy

import pytest
import torch
from torch import Tensor, nn

from compress.recovery import recalibrate, recover
from millinet.data import DataSet, load_data
from millinet.training import Recipe


@pytest.fixture(scope="module")
def data() -> DataSet:
    digits = load_data("digits", seed=0)
    return digits.with_train(digits.train.subset(range(256)))


def classifier(seed: int) -> nn.Module:
    torch.manual_seed(seed)
    return nn.Sequential(
        *(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU()),
        *(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 10)),
    )


def weights_of(model: nn.Module) -> Tensor:
    return torch.cat([weight.detach().flatten() for weight in model.parameters()])


def test_recalibrated_statistics_are_those_of_the_training_images(data: DataSet) -> None:
    model = classifier(0).eval()

    recalibrate(model, data, num_images=128)

    chosen = torch.randperm(256, generator=torch.Generator().manual_seed(0))[:128]
    reached = model[0](data.normalise(data.train.pixels(chosen))).detach()
    torch.testing.assert_close(model[1].running_mean, reached.mean((0, 2, 3)))
    torch.testing.assert_close(model[1].running_var, reached.var((0, 2, 3)))


def test_recalibration_changes_no_weight_and_puts_modes_and_momentum_back(data: DataSet) -> None:
    model = classifier(0).eval()
    model[5].train()
    before = weights_of(model)

    recalibrate(model, data)

    assert torch.equal(weights_of(model), before)
    assert [module.training for module in model] == [False] * 5 + [True]
    assert model[1].momentum == 0.1


@pytest.mark.parametrize(("settings", "is_taught"), [({}, True), ({"distillation": 0.0}, False)])
def test_a_recovery_learns_from_the_unpruned_network_unless_told_otherwise(
    data: DataSet, settings: dict[str, float], is_taught: bool
) -> None:
    recipe = Recipe(epochs=2, batch_size=128, learning_rate=0.02, **settings)
    student = classifier(0)
    found = []
    for teacher in (classifier(1), classifier(2)):
        recovered = copy.deepcopy(student)
        recover(recovered, data, recipe, teacher=teacher, device="cpu")
        found.append(weights_of(recovered))

    assert torch.equal(found[0], found[1]) is not is_taught


def test_a_recovery_leaves_its_teacher_alone(data: DataSet) -> None:
    teacher = classifier(1)
    before = copy.deepcopy(teacher.state_dict())

    recover(classifier(0), data, Recipe(epochs=1), teacher=teacher, device="cpu")

    assert teacher.training
    assert all(torch.equal(value, before[name]) for name, value in teacher.state_dict().items())
