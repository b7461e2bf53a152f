"""MobileNetV2 (Sandler et al., 2018), as torchvision builds it."""

from search_spaces.architecture import Architecture
from search_spaces.description import Head, Stage, Stem
from search_spaces.layers import Layers
from search_spaces.networks.task import Task

# Expansion, width, depth, stride: table 2 of the paper.
_BODY = (
    (1, 16, 1, 1),
    (6, 24, 2, 2),
    (6, 32, 3, 2),
    (6, 64, 4, 2),
    (6, 96, 3, 1),
    (6, 160, 3, 2),
    (6, 320, 1, 1),
)


def mobilenet_v2(task: Task) -> Architecture:
    """Seven stages of inverted residual blocks with ReLU6, and 1,280 features."""
    stages = [
        Stage(block="inverted", depth=depth, width=width, stride=stride, options={"expand": expand})
        for expand, width, depth, stride in _BODY
    ]
    return task.architecture(
        Stem(name="conv3", width=32, options={"stride": 2}),
        stages,
        Head(options={"features": 1280, "dropout": 0.2}),
        Layers(activation="relu6"),
    )
