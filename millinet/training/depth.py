"""Set the rates of stochastic depth (Huang et al., 2016) in networks that have such layers."""

from collections.abc import Iterator
from contextlib import contextmanager

from torch import nn
from torchvision.ops import StochasticDepth


@contextmanager
def stochastic_depth(model: nn.Module, rate: float | None) -> Iterator[None]:
    """Drop residual branches at a rate rising linearly to `rate`, and restore the network's own rates after.

    Args:
        model: Layers of other kinds are not touched; without any of `StochasticDepth` nothing happens.
        rate: At the last branch, in [0, 1); None keeps the network's own.
    """
    layers = [module for module in model.modules() if isinstance(module, StochasticDepth)]
    own = [layer.p for layer in layers]
    try:
        if rate is not None:
            for index, layer in enumerate(layers, start=1):
                layer.p = rate * index / len(layers)
        yield
    finally:
        for layer, before in zip(layers, own, strict=True):
            layer.p = before
