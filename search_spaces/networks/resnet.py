"""Residual networks: ImageNet form (He et al., 2016) as torchvision builds it, and the CIFAR form."""

from search_spaces.architecture import Architecture
from search_spaces.description import Stage, Stem
from search_spaces.networks.task import Task
from search_spaces.options import Value

_WIDTHS = (64, 128, 256, 512)


def basic_resnet(task: Task, depths: tuple[int, ...]) -> Architecture:
    """ResNet-18 and -34: basic blocks after a 7x7 stem."""
    return _imagenet(task, "basic", depths, widths=_WIDTHS)


def bottleneck_resnet(task: Task, depths: tuple[int, ...], **options: Value) -> Architecture:
    """ResNet-50 and deeper, ResNeXt and Wide ResNet: bottlenecks after a 7x7 stem."""
    return _imagenet(task, "bottleneck", depths, widths=tuple(4 * width for width in _WIDTHS), **options)


def cifar_resnet(task: Task, depth: int) -> Architecture:
    """ResNet for small images: three stages of `depth` basic blocks at 16, 32 and 64 channels.

    The shortcut that changes shape is a projection, where the paper pads with zeros: the padded form cannot
    be pruned, and the projection adds 1 percent of parameters.
    """
    strides = (1, 2, 2)
    stages = [
        Stage(block="basic", depth=depth, width=16 * 2**index, stride=stride)
        for index, stride in enumerate(strides)
    ]
    return task.architecture(Stem(name="conv3", width=16), stages)


def deep_stem_resnet(task: Task, depths: tuple[int, ...]) -> Architecture:
    """ResNet whose stem is three 3x3 convolutions, as scene-parsing networks use it (Zhao et al., 2017)."""
    stages = _stages("bottleneck", depths, tuple(4 * width for width in _WIDTHS), {})
    return task.architecture(Stem(name="deep", width=128), stages)


def _imagenet(
    task: Task, block: str, depths: tuple[int, ...], *, widths: tuple[int, ...], **options: Value
) -> Architecture:
    return task.architecture(Stem(name="conv7", width=64), _stages(block, depths, widths, options))


def _stages(
    block: str, depths: tuple[int, ...], widths: tuple[int, ...], options: dict[str, Value]
) -> list[Stage]:
    return [
        Stage(block=block, depth=depth, width=width, stride=1 if index == 0 else 2, options=options)
        for index, (depth, width) in enumerate(zip(depths, widths, strict=True))
    ]
