"""A model that cannot be pruned is refused in one line, and left as it was."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils import parametrizations

from compress import prune
from millinet.errors import ModelError
from tests.compress.conftest import Plain, Residual

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


class Forked(nn.Module):
    """Takes one way for bright images and another for dark ones."""

    def __init__(self) -> None:
        super().__init__()
        self.bright = nn.Conv2d(3, 8, 1)
        self.dark = nn.Conv2d(3, 8, 3, padding=1)
        self.dense = nn.Linear(8, 4)

    def forward(self, images: Tensor) -> Tensor:
        features = self.bright(images) if images.mean() > 0 else self.dark(images)
        return self.dense(features.mean((2, 3)))


class Single(Plain):
    """Takes one image at a time."""

    def forward(self, images: Tensor) -> Tensor:
        return super().forward(images.view(1, 3, 8, 8))


class Untraced(Plain):
    """Computes without gradients."""

    @torch.no_grad()
    def forward(self, images: Tensor) -> Tensor:
        return super().forward(images)


class HalfTraced(Residual):
    """Has a stem that is never trained."""

    def forward(self, images: Tensor) -> Tensor:
        with torch.no_grad():
            stream = self.stem(images)
        return self.dense((stream + self.outer(functional.relu(self.inner(stream)))).mean((2, 3)))


def counting(model: nn.Module) -> nn.Module:
    model.table = nn.Parameter(torch.zeros(3, dtype=torch.int64), requires_grad=False)
    return model


def unfinished(model: nn.Module) -> nn.Module:
    model.later = nn.Module()
    model.later.weight = nn.UninitializedParameter()
    return model


def hooked(model: nn.Module) -> nn.Module:
    model.first.register_forward_hook(lambda *_: None)
    return model


def watched(model: nn.Module) -> nn.Module:
    model.first.register_full_backward_pre_hook(lambda *_: None)
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


def state_of(model: nn.Module) -> list[tuple[str, bool, int, list[tuple[str, int, str]]]]:
    """Return mode, number of hooks, and versions and types of the weights of every module."""
    return [
        (
            name,
            module.training,
            len(module._forward_hooks) + len(module._forward_pre_hooks),
            [
                (key, weight._version, str(weight.dtype))
                for key, weight in module.named_parameters(recurse=False)
            ],
        )
        for name, module in model.named_modules()
    ]


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (hooked, "first has hooks"),
        (watched, "first has hooks"),
        (torch.compile, "the model itself is compiled"),
        (lambda model: Single(), r"does not run on an example of shape \(2, 3, 8, 8\)"),
        (lambda model: Untraced(), "everything without gradients"),
        (tied, "other.weight and first.weight are one tied parameter"),
        (parametrized, "first has a parametrization"),
        (broken, "not finite"),
        (moved, "must be on one device"),
        (counting, "table has the type torch.int64"),
        (unfinished, "later.weight has no shape yet"),
        (lambda model: Forked(), "bright is called for some images and not for others"),
        (lambda model: Twice(), "again is called more than once"),
        (lambda model: Paired(), "must return one tensor"),
        (lambda model: torch.jit.trace(model.eval(), torch.zeros(2, 3, 8, 8)), "TorchScript"),
        (lambda model: model.half(), "does not run"),
    ],
)
@pytest.mark.filterwarnings("ignore:.*torch.jit.trace.*:FutureWarning")
def test_a_model_that_cannot_be_pruned_is_refused_and_left_as_it_was(
    spoil: Callable[[nn.Module], nn.Module], message: str, built: Build, images: Tensor
) -> None:
    model = spoil(built("plain").train())
    before = state_of(model)

    with pytest.raises(ModelError, match=message) as refused:
        prune(model, images, channel_ratio=0.5)

    assert "\n" not in str(refused.value)
    assert state_of(model) == before


def test_layers_that_run_without_gradients_are_left_alone(images: Tensor) -> None:
    pruned = prune(HalfTraced(), images, channel_ratio=0.5, min_channels=1)

    widths = pruned.layers.set_index("layer")["out_after"]
    assert widths[["stem", "inner", "outer"]].to_list() == [8, 6, 8]


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
