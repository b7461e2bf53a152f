"""Networks of the literature by name, each a point of the space."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Final, NamedTuple

from millinet.tables import pick
from search_spaces.architecture import Architecture
from search_spaces.networks.mobilenet import mobilenet_v2
from search_spaces.networks.resnet import (
    basic_resnet,
    bottleneck_resnet,
    cifar_resnet,
)
from search_spaces.networks.task import Task


class Named(NamedTuple):
    """A network of the literature, and the task of its paper."""

    make: Callable[[Task], Architecture]
    num_classes: int = 1000
    resolution: tuple[int, int] = (224, 224)


_SMALL: Final = (10, (32, 32))

NETWORKS: Final[Mapping[str, Named]] = {
    "resnet18": Named(partial(basic_resnet, depths=(2, 2, 2, 2))),
    "resnet34": Named(partial(basic_resnet, depths=(3, 4, 6, 3))),
    "resnet50": Named(partial(bottleneck_resnet, depths=(3, 4, 6, 3))),
    "resnet20": Named(partial(cifar_resnet, depth=3), *_SMALL),
    "resnet56": Named(partial(cifar_resnet, depth=9), *_SMALL),
    "mobilenet_v2": Named(mobilenet_v2),
}


def network(
    name: str,
    *,
    num_classes: int | None = None,
    in_channels: int | None = None,
    resolution: tuple[int, int] | None = None,
) -> Architecture:
    """Return a network of the literature.

    Args:
        name: A name in `NETWORKS`.
        num_classes: Classes; None takes those of the paper.
        in_channels: Channels of the image; None is 3.
        resolution: Height and width in pixels; None takes those of the paper.

    Raises:
        UnknownNameError: If there is no such network; the message names the nearest.
        ConfigError: If the network cannot work at that resolution.
    """
    named = pick("network", name, NETWORKS)
    task = Task(
        num_classes=named.num_classes if num_classes is None else num_classes,
        in_channels=3 if in_channels is None else in_channels,
        resolution=resolution or named.resolution,
    )
    return named.make(task)


__all__ = ["NETWORKS", "Named", "network"]
