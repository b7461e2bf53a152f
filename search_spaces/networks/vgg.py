"""VGG with batch norm (Simonyan and Zisserman, 2015), as torchvision builds it, and a small form."""

from search_spaces.architecture import Architecture
from search_spaces.description import Head, Stage, Stem
from search_spaces.layers import Layers
from search_spaces.networks.task import Task


def vgg(task: Task, depths: tuple[int, ...]) -> Architecture:
    """VGG-11 to VGG-19: the first convolution is the stem, and a pool begins every stage but the first."""
    stages = _stages((64, 128, 256, 512, 512), (depths[0] - 1, *depths[1:]))
    return task.architecture(
        Stem(name="conv3", width=64), stages, Head(name="perceptron"), Layers(bias="always")
    )


def vgg_small(task: Task) -> Architecture:
    """Five stages of one convolution each and a dense head: a plain classifier for small images."""
    return task.architecture(
        Stem(name="conv3", width=32), _stages((64, 128, 256, 512), (1, 1, 1, 1), first=2)
    )


def _stages(widths: tuple[int, ...], depths: tuple[int, ...], *, first: int = 1) -> list[Stage]:
    return [
        Stage(block="plain", depth=depth, width=width, stride=first if index == 0 else 2)
        for index, (width, depth) in enumerate(zip(widths, depths, strict=True))
        if depth
    ]
