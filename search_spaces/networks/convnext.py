"""ConvNeXt (Liu et al., 2022), as torchvision builds it."""

from search_spaces.architecture import Architecture
from search_spaces.description import Head, Stage, Stem
from search_spaces.layers import Layers
from search_spaces.networks.task import Task


def convnext(task: Task, depths: tuple[int, ...], *, width: int, drop_path: float) -> Architecture:
    """Stages at `width` doubling, after a 4x4 patchify stem; biases also before norms."""
    stages = [
        Stage(block="convnext", depth=depth, width=width * 2**index, stride=1 if index == 0 else 2)
        for index, depth in enumerate(depths)
    ]
    return task.architecture(
        Stem(name="patch", width=width),
        stages,
        Head(options={"normed": True}),
        Layers(norm="layer", norm_eps=1e-6, bias="always", activation="gelu", drop_path=drop_path),
    )
