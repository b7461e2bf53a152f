"""Sparse learning pulls whole channels, in every layer they live in, and no others."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from compress import find_groups
from compress.sparsity import pulled, sparsify
from millinet.data import load_data
from millinet.errors import ConfigError
from millinet.training import Recipe

Build = Callable[[str], nn.Module]


def small() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(
        *(nn.Conv2d(1, 16, 3), nn.BatchNorm2d(16), nn.ReLU(), nn.Conv2d(16, 16, 3), nn.ReLU()),
        *(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(16, 10)),
    ).eval()


def test_the_pull_on_a_channel_has_the_length_asked_for(built: Build, images: Tensor) -> None:
    model = built("plain")
    groups = [group for group in find_groups(model, images) if group.is_prunable]
    with pulled(model, groups) as pull:
        model(images).sum().mul(0.0).backward()
        pull.strength = 0.25

        first, norm, second = (
            pull.on(model.get_parameter(f"{name}.weight")) for name in ("first", "norm", "second")
        )

    # What `second` gets from its own channels lies along dimension 0, and is taken out again.
    own = 0.25 * model.second.weight.detach()
    dense = model.dense.weight.detach().view(4, 6, -1)
    lengths = (model.second.weight.detach().square().sum((1, 2, 3)) + dense.square().sum((0, 2))).sqrt()
    read = second - own / lengths[:, None, None, None]
    pulls = first.square().sum((1, 2, 3)) + norm.square() + read.square().sum((0, 2, 3))
    torch.testing.assert_close(pulls.sqrt(), torch.full((8,), 0.25))


def test_no_pull_is_left_behind(built: Build, images: Tensor) -> None:
    model = built("plain")
    groups = [group for group in find_groups(model, images) if group.is_prunable]
    with pulled(model, groups) as pull:
        pull.strength = 1.0
        model(images).sum().mul(0.0).backward()
        inside = model.first.weight.grad.clone()
    model.zero_grad()

    model(images).sum().mul(0.0).backward()

    assert float(inside.abs().max()) > 0
    assert float(model.first.weight.grad.abs().max()) == 0
    assert not model._forward_pre_hooks


def test_a_sparse_training_lets_fewer_channels_carry_the_weight() -> None:
    data = load_data("digits", seed=0)
    recipe = Recipe(epochs=3, batch_size=128, learning_rate=0.05)
    shares = []
    for strength in (1e-9, 0.2):
        model = small()
        sparsify(model, data, recipe, strength=strength)
        norms = model.get_parameter("3.weight").detach().flatten(1).norm(dim=1).sort().values
        shares.append(float(norms[:8].sum() / norms.sum()))

    assert shares[1] < 0.9 * shares[0]


@pytest.mark.parametrize("strength", [0.0, -1.0, float("nan")])
def test_a_strength_that_pulls_nothing_is_refused(strength: float) -> None:
    with pytest.raises(ConfigError, match=r"0\.01 is usual"):
        sparsify(small(), load_data("digits", seed=0), Recipe(epochs=1), strength=strength)
