import dataclasses

import pytest
import torch
from torch import nn

from millinet.training import Recipe
from millinet.training.optimiser import make_optimiser

RECIPE = Recipe(epochs=1, learning_rate=0.1, momentum=0.9, weight_decay=0.1)


class Two(nn.Module):
    """A weight that is decayed, and a bias that is not."""

    def __init__(self, dtype: torch.dtype = torch.float32) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(1, 1, dtype=dtype))
        self.bias = nn.Parameter(torch.ones(1, dtype=dtype))


def test_a_step_is_the_one_worked_out_by_hand() -> None:
    model = Two()
    optimiser = make_optimiser(model, RECIPE)
    for parameter in model.parameters():
        parameter.grad = torch.full_like(parameter, 0.5)

    optimiser.step()

    # Nesterov: 1 - 0.1 (d + 0.9 d), where d is 0.5 + 0.1 * 1 for the weight and 0.5 for the bias.
    assert model.weight.item() == pytest.approx(0.886)
    assert model.bias.item() == pytest.approx(0.905)


def test_a_weight_whose_gradient_comes_later_joins_in() -> None:
    model = Two()
    optimiser = make_optimiser(model, RECIPE)
    model.weight.grad = torch.full_like(model.weight, 0.5)
    optimiser.step()
    model.bias.grad = torch.full_like(model.bias, 0.5)

    optimiser.step()

    assert model.bias.item() == pytest.approx(0.905)


@pytest.mark.parametrize("optimiser", ["sgd", "adamw"])
def test_channels_last_weights_move_as_contiguous_ones_do(optimiser: str) -> None:
    recipe = dataclasses.replace(RECIPE, optimiser=optimiser)
    images = torch.randn(4, 3, 8, 8)
    weights = []
    for layout in (torch.contiguous_format, torch.channels_last):
        torch.manual_seed(0)
        model = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.Conv2d(8, 4, 3)).to(memory_format=layout)
        steps = make_optimiser(model, recipe)
        for _ in range(3):
            model.zero_grad()
            model(images.to(memory_format=layout)).square().mean().backward()
            steps.step()
        weights.append(model[2].weight.detach())

    torch.testing.assert_close(weights[0], weights[1])


def test_complex_weights_are_trained_too() -> None:
    model = Two(dtype=torch.complex64)
    optimiser = make_optimiser(model, RECIPE)
    for parameter in model.parameters():
        parameter.grad = torch.full_like(parameter, 0.5j)

    optimiser.step()

    assert model.bias.item() == pytest.approx(1 - 0.095j)
