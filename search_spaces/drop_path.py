"""Stochastic depth: leave a residual branch out, image by image, while training (Huang et al., 2016)."""

from torch import nn
from torchvision.ops import StochasticDepth


def drop_path(rate: float) -> nn.Module:
    """Make the layer, or the identity at rate 0."""
    return StochasticDepth(rate, mode="row") if rate else nn.Identity()
