"""EfficientNetV2-S (Tan and Le, 2021), as torchvision builds it."""

from search_spaces.architecture import Architecture
from search_spaces.description import Head, Stage, Stem
from search_spaces.layers import Layers
from search_spaces.networks.task import Task
from search_spaces.options import Value

# Block, expansion, width, depth, stride, squeeze: table 4 of the paper.
_BODY = (
    ("fused", 1, 24, 2, 1, 0.0),
    ("fused", 4, 48, 4, 2, 0.0),
    ("fused", 4, 64, 4, 2, 0.0),
    ("inverted", 4, 128, 6, 2, 0.25),
    ("inverted", 6, 160, 9, 1, 0.25),
    ("inverted", 6, 256, 15, 2, 0.25),
)


def efficientnet_v2_s(task: Task) -> Architecture:
    """Fused blocks first, then inverted residuals with squeeze-and-excitation, all with SiLU."""
    stages = []
    for block, expand, width, depth, stride, squeeze in _BODY:
        options: dict[str, Value] = {"expand": expand, "squeeze": squeeze}
        stages.append(Stage(block=block, depth=depth, width=width, stride=stride, options=options))
    return task.architecture(
        Stem(name="conv3", width=24, options={"stride": 2}),
        stages,
        Head(options={"features": 1280, "dropout": 0.2}),
        Layers(activation="silu", norm_eps=1e-3, drop_path=0.2),
    )
