"""HorNet (Rao et al., 2022): orders 2 to 5 of gated convolution, stage by stage."""

from search_spaces.architecture import Architecture
from search_spaces.description import Head, Stage, Stem
from search_spaces.layers import Layers
from search_spaces.networks.task import Task
from search_spaces.options import Value

_DEPTHS = (2, 3, 18, 2)


def hornet(task: Task, *, width: int, drop_path: float, has_global_filters: bool = False) -> Architecture:
    """HorNet-T, -S and -B at widths 64, 96 and 128; the last two stages may filter globally."""
    stages = []
    for index, depth in enumerate(_DEPTHS):
        options: dict[str, Value] = {"order": index + 2}
        if has_global_filters and index >= 2:
            options["filter"] = "global-local"
        stride = 1 if index == 0 else 2
        stages.append(
            Stage(block="gnconv", depth=depth, width=width * 2**index, stride=stride, options=options)
        )
    return task.architecture(
        Stem(name="patch", width=width),
        stages,
        Head(options={"normed": True}),
        Layers(norm="layer", norm_eps=1e-6, bias="always", activation="gelu", drop_path=drop_path),
    )
