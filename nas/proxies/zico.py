"""ZiCo: how surely the gradient of an untrained network points one way from batch to batch.

A layer's score is the logarithm of the sum, over its weights, of the mean of |gradient| over its standard
deviation (Li et al., "ZiCo: Zero-shot NAS via Inverse Coefficient of Variation on Gradients", 2023, eq. 15).
"""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional


def zico(model: nn.Module, images: Tensor, labels: Tensor) -> float:
    """Score a network by the sum over its layers of log(sum of mean |gradient| / deviation), over two halves.

    Costs two forward and two backward passes. Weights whose gradient does not vary are passed over.

    Args:
        model: Left as it is but for its batch statistics.
        images: Shape (batch, channels, height, width), batch at least 4.
        labels: Classes, shape (batch,).
    """
    half = len(images) // 2
    gradients = [
        _gradients(model, images[part], labels[part]) for part in (slice(half), slice(half, 2 * half))
    ]
    score = 0.0
    for first, second in zip(*gradients, strict=True):
        both = torch.stack([first, second]).double().abs()
        deviation, mean = both.std(dim=0, correction=0), both.mean(dim=0)
        is_varying = deviation > 0
        total = float((mean[is_varying] / deviation[is_varying]).sum())
        if total > 0:
            score += math.log(total)
    return score


def _gradients(model: nn.Module, images: Tensor, labels: Tensor) -> list[Tensor]:
    model.zero_grad()
    loss = functional.cross_entropy(model(images), labels)
    loss.backward()  # type: ignore[no-untyped-call]  # torch 2.15 leaves it untyped
    found = [
        parameter.grad.detach().clone()
        for parameter in model.parameters()
        if parameter.grad is not None and parameter.ndim > 1
    ]
    model.zero_grad()
    return found
