"""Optimisers with weight decay where it belongs."""

import torch
from torch import nn

from millinet.training.recipe import Recipe


def make_optimiser(model: nn.Module, recipe: Recipe) -> torch.optim.Optimizer:
    """Build the recipe's optimiser.

    Decay shrinks what multiplies the input. Norms and biases, of one dimension, are left alone (He et al.,
    "Bag of Tricks", 2019, section 3.1).
    """
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    groups = [
        {"params": [p for p in trained if p.ndim > 1], "weight_decay": recipe.weight_decay},
        {"params": [p for p in trained if p.ndim <= 1], "weight_decay": 0.0},
    ]
    # A fused step passes over the weights once, where the plain one of a CPU passes five times.
    is_fused = all(p.is_floating_point() and p.device.type in ("cpu", "cuda") for p in trained)
    if recipe.optimiser == "sgd":
        optimiser = torch.optim.SGD(
            groups,
            lr=recipe.learning_rate,
            momentum=recipe.momentum,
            nesterov=recipe.momentum > 0,
            fused=is_fused,
        )
        if is_fused and recipe.momentum > 0:
            _start_momentum(optimiser)
        return optimiser
    return torch.optim.AdamW(groups, lr=recipe.learning_rate, betas=(recipe.momentum, 0.999), fused=is_fused)


def _start_momentum(optimiser: torch.optim.Optimizer) -> None:
    """Begin every momentum at zero.

    torch 2.15 begins them in the first step, for the weights that have a gradient in it; a weight whose first
    gradient comes later (a branch that was skipped) would end a fused training with a TypeError.
    """
    for group in optimiser.param_groups:
        for parameter in group["params"]:
            optimiser.state[parameter]["momentum_buffer"] = torch.zeros_like(parameter)


def set_learning_rate(optimiser: torch.optim.Optimizer, rate: float) -> None:
    """Set the rate of every group."""
    for group in optimiser.param_groups:
        group["lr"] = rate
