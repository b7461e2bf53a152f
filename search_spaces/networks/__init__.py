"""Networks of the literature by name, each a point of the space."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Final, NamedTuple

from millinet.tables import pick
from search_spaces.architecture import Architecture
from search_spaces.networks.convnext import convnext
from search_spaces.networks.dpn import dpn92, dpn92_small
from search_spaces.networks.efficientnet import efficientnet_v2_s
from search_spaces.networks.hornet import hornet
from search_spaces.networks.mobilenet import mobilenet_v2
from search_spaces.networks.resnet import (
    basic_resnet,
    bottleneck_resnet,
    cifar_resnet,
    deep_stem_resnet,
)
from search_spaces.networks.task import Task
from search_spaces.networks.vgg import vgg, vgg_small


class Named(NamedTuple):
    """A network of the literature, and the task of its paper."""

    make: Callable[[Task], Architecture]
    num_classes: int = 1000
    resolution: tuple[int, int] = (224, 224)


_CIFAR: Final = (10, (32, 32))
"""Classes and resolution of the task."""

NETWORKS: Final[Mapping[str, Named]] = {
    "convnext_tiny": Named(partial(convnext, depths=(3, 3, 9, 3), width=96, drop_path=0.1)),
    "dpn92": Named(dpn92),
    "dpn92_small": Named(dpn92_small, *_CIFAR),
    "efficientnet_v2_s": Named(efficientnet_v2_s, resolution=(384, 384)),
    "hornet_tiny": Named(partial(hornet, width=64, drop_path=0.2)),
    "hornet_small": Named(partial(hornet, width=96, drop_path=0.4)),
    "hornet_base": Named(partial(hornet, width=128, drop_path=0.5)),
    "hornet_tiny_gf": Named(partial(hornet, width=64, drop_path=0.2, has_global_filters=True)),
    "hornet_small_gf": Named(partial(hornet, width=96, drop_path=0.4, has_global_filters=True)),
    "hornet_base_gf": Named(partial(hornet, width=128, drop_path=0.5, has_global_filters=True)),
    "mobilenet_v2": Named(mobilenet_v2),
    "resnet18": Named(partial(basic_resnet, depths=(2, 2, 2, 2))),
    "resnet34": Named(partial(basic_resnet, depths=(3, 4, 6, 3))),
    "resnet50": Named(partial(bottleneck_resnet, depths=(3, 4, 6, 3))),
    "resnet101": Named(partial(bottleneck_resnet, depths=(3, 4, 23, 3))),
    "resnet152": Named(partial(bottleneck_resnet, depths=(3, 8, 36, 3))),
    "resnet50_v1": Named(partial(bottleneck_resnet, depths=(3, 4, 6, 3), stride_at="1x1")),
    "resnet50_deep_stem": Named(partial(deep_stem_resnet, depths=(3, 4, 6, 3))),
    "resnet20": Named(partial(cifar_resnet, depth=3), *_CIFAR),
    "resnet56": Named(partial(cifar_resnet, depth=9), *_CIFAR),
    "resnext50_32x4d": Named(partial(bottleneck_resnet, depths=(3, 4, 6, 3), groups=32, width_per_group=4)),
    "resnext101_32x8d": Named(partial(bottleneck_resnet, depths=(3, 4, 23, 3), groups=32, width_per_group=8)),
    "vgg11_bn": Named(partial(vgg, depths=(1, 1, 2, 2, 2))),
    "vgg13_bn": Named(partial(vgg, depths=(2, 2, 2, 2, 2))),
    "vgg16_bn": Named(partial(vgg, depths=(2, 2, 3, 3, 3))),
    "vgg19_bn": Named(partial(vgg, depths=(2, 2, 4, 4, 4))),
    "vgg_small": Named(vgg_small, 141, (32, 32)),
    "wide_resnet50_2": Named(partial(bottleneck_resnet, depths=(3, 4, 6, 3), width_per_group=128)),
    "wide_resnet101_2": Named(partial(bottleneck_resnet, depths=(3, 4, 23, 3), width_per_group=128)),
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
