"""Dual path networks (Chen et al., 2017): DPN-92 for large images, as timm builds it, and for small ones."""

from search_spaces.architecture import Architecture
from search_spaces.description import Head, Stage, Stem
from search_spaces.layers import Layers
from search_spaces.networks.task import Task

_WIDTHS = (256, 512, 1024, 2048)
_MIDDLES = (96, 192, 384, 768)
_DENSE = (16, 32, 24, 128)
_DEPTHS = (3, 4, 20, 3)


def dpn92(task: Task) -> Architecture:
    """DPN-92 for large images: norms before convolutions, and one more before the head."""
    head = Head(options={"closing": "relu"})
    return task.architecture(
        Stem(name="conv7", width=64), _stages("dual_path_pre"), head, Layers(norm_eps=1e-3)
    )


def dpn92_small(task: Task) -> Architecture:
    """DPN-92 for small images: norms after convolutions, and a 3x3 stem."""
    return task.architecture(Stem(name="conv3", width=64), _stages("dual_path"))


def _stages(block: str) -> list[Stage]:
    return [
        Stage(
            block=block,
            depth=_DEPTHS[index],
            width=_WIDTHS[index],
            stride=1 if index == 0 else 2,
            options={"middle": _MIDDLES[index], "dense": _DENSE[index]},
        )
        for index in range(4)
    ]
