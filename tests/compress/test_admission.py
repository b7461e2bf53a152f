"""A model that cannot be pruned is refused in one line, and left as it was."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils import parametrizations

from compress import prune
from millinet.errors import ModelError

Build = Callable[[str], nn.Module]


class Twice(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 8, 1)
        self.again = nn.Conv2d(8, 8, 1)
        self.dense = nn.Linear(8, 4)

    def forward(self, images: Tensor) -> Tensor:
        return self.dense(self.again(self.again(self.stem(images))).mean((2, 3)))


class Paired(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.dense = nn.Conv2d(3, 4, 1)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        return self.dense(images), images


def hooked(model: nn.Module) -> nn.Module:
    model.first.register_forward_hook(lambda *_: None)
    return model


def tied(model: nn.Module) -> nn.Module:
    model.other = nn.Conv2d(3, 8, 3)
    model.other.weight = model.first.weight
    return model


def parametrized(model: nn.Module) -> nn.Module:
    parametrizations.weight_norm(model.first)
    return model


def broken(model: nn.Module) -> nn.Module:
    nn.init.constant_(model.first.weight, float("nan"))
    return model


def moved(model: nn.Module) -> nn.Module:
    return model.to("meta")


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (hooked, "first has hooks"),
        (tied, "other.weight and first.weight are one tied parameter"),
        (parametrized, "first has a parametrization"),
        (broken, "not finite"),
        (moved, "must be on one device"),
        (lambda model: Twice(), "again is called more than once"),
        (lambda model: Paired(), "must return one tensor"),
        (lambda model: torch.jit.trace(model, torch.zeros(2, 3, 8, 8)), "TorchScript"),
        (lambda model: model.half(), "does not run"),
    ],
)
@pytest.mark.filterwarnings("ignore:.*torch.jit.trace.*:FutureWarning")
def test_a_model_that_cannot_be_pruned_is_refused(
    spoil: Callable[[nn.Module], nn.Module], message: str, built: Build, images: Tensor
) -> None:
    with pytest.raises(ModelError, match=message):
        prune(spoil(built("plain")), images, channel_ratio=0.5)


@pytest.mark.parametrize(
    ("example", "message"),
    [
        (torch.zeros(3, 8, 8), "got \\(3, 8, 8\\)"),
        (torch.zeros(2, 3, 8, 8, dtype=torch.uint8), "uint8"),
        (torch.zeros(2, 3, 10, 10), "does not run on an example of shape \\(2, 3, 10, 10\\)"),
        ("digits", "got str"),
    ],
)
def test_an_example_of_the_wrong_kind_is_refused(example: Tensor, message: str, built: Build) -> None:
    with pytest.raises(ModelError, match=message):
        prune(built("plain"), example, channel_ratio=0.5)
