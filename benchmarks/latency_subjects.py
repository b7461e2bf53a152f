"""What the latency benchmarks measure."""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from millinet.latency.references import rung
from millinet.models import load_model


class Benched(NamedTuple):
    """A network and its input."""

    name: str
    model: nn.Module
    example: Tensor


def subjects() -> list[Benched]:
    """Return a plain network of 0.4 ms on one core, and one of many small layers of 1.5 ms."""
    generator = torch.Generator().manual_seed(0)
    shapes = {"network:resnet20": (3, 8, 8), "torchvision:mobilenet_v2": (3, 32, 32)}
    torch.manual_seed(0)
    return [
        Benched(
            f"{source} {channels}x{height}x{width}",
            load_model(source).model,
            torch.randn(1, channels, height, width, generator=generator),
        )
        for source, (channels, height, width) in shapes.items()
    ]


def same_as_reference() -> Benched:
    """Return a network whose reference is its own copy; the ratio of the two is 1."""
    network, example = rung(6)
    return Benched("same against same", network, example)
