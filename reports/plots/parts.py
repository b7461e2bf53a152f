"""The rows of the drawing of a network, read from what a run keeps of a winner."""

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import pandas as pd

from reports.numbers import counted


class Part(NamedTuple):
    """One row of the drawing: the image, the stem, a stage or the head."""

    name: str
    """What the row is called."""
    block: str = ""
    """Block type, the same tone for the same type."""
    detail: str = ""
    """Options, or what else there is to say."""
    depth: int = 1
    """Number of boxes."""
    width: int | None = None
    """Channels it hands on before pruning."""
    kept: int | None = None
    """Channels it hands on after pruning; None where no layers are known."""
    resolution: tuple[int, int] | None = None
    """(height, width) of the feature map it hands on, in pixels."""
    share: float | None = None
    """Share of the network's latency, a fraction."""

    @property
    def is_stage(self) -> bool:
        """Whether it is part of the body, drawn in the tone of its block."""
        return self.name not in ("image", "stem", "head")


def read_parts(architecture: Mapping[str, Any], layers: pd.DataFrame) -> list[Part]:
    """Read the rows of the drawing from a winner's architecture.json and its layers frame.

    A network that is no architecture of a space, such as one of torchvision, is drawn from its layers alone:
    one row for each top-level module, named as in the model.
    """
    stages = architecture.get("stages")
    if not isinstance(stages, list):
        return _parts_of_layers(layers)
    try:
        return _parts_of_architecture(architecture, stages, layers)
    except (KeyError, TypeError, ValueError):
        return _parts_of_layers(layers)


def _parts_of_architecture(
    architecture: Mapping[str, Any], stages: Sequence[Mapping[str, Any]], layers: pd.DataFrame
) -> list[Part]:
    stem, head = architecture.get("stem") or {}, architecture.get("head") or {}
    height, width = (int(side) for side in architecture["resolution"])
    parts = [
        Part(
            name="image",
            detail=counted(architecture.get("in_channels"), "channel"),
            depth=0,
            resolution=(height, width),
        ),
        Part(
            name="stem",
            block=str(stem.get("name", "stem")),
            detail=_options(stem),
            width=int(stem["width"]),
            kept=_kept(layers, "stem."),
            resolution=_resolution(layers, "stem.", height / width),
            share=_share(layers, "stem."),
        ),
    ]
    for number, stage in enumerate(stages):
        prefix = f"stages.{number}."
        parts.append(
            Part(
                name=f"stage {number + 1}",
                block=str(stage["block"]),
                detail=_options(stage),
                depth=int(stage["depth"]),
                width=int(stage["width"]),
                kept=_kept(layers, prefix),
                resolution=_resolution(layers, prefix, height / width),
                share=_share(layers, prefix),
            )
        )
    last = Part(
        name="head",
        block=str(head.get("name", "head")),
        detail=counted(architecture.get("num_classes"), "class", "classes"),
        share=_share(layers, "head."),
    )
    return [*parts, last]


def _resolution(layers: pd.DataFrame, prefix: str, aspect: float) -> tuple[int, int] | None:
    """Return the feature map a part hands on, (height, width), from what its last convolution costs.

    A convolution without bias multiplies each of its weights once for every output position.
    """
    main = _convolutions(layers, prefix).dropna(subset=["macs_before", "parameters_before"])
    main = main[main["parameters_before"] > 0]
    if not len(main):
        return None
    positions = float(main["macs_before"].iloc[-1] / main["parameters_before"].iloc[-1])
    width = round(math.sqrt(positions / aspect))
    return (round(positions / width), width) if width else None


def _options(part: Mapping[str, Any]) -> str:
    options = part.get("options") or {}
    return ", ".join(f"{name} {value}" for name, value in options.items())


def _within(layers: pd.DataFrame, prefix: str) -> pd.DataFrame:
    return layers[layers["layer"].fillna("").str.startswith(prefix)]


def _share(layers: pd.DataFrame, prefix: str) -> float | None:
    shares = _within(layers, prefix)["share_after"].dropna()
    return float(shares.sum()) if len(shares) else None


def _kept(layers: pd.DataFrame, prefix: str) -> int | None:
    """Return what the last convolution of a part hands on after pruning."""
    main = _convolutions(layers, prefix).dropna(subset=["out_after"])
    return int(main["out_after"].iloc[-1]) if len(main) else None


def _convolutions(layers: pd.DataFrame, prefix: str) -> pd.DataFrame:
    """Return the convolutions of a part in order, without those of shortcuts, which run beside the others."""
    inside = _within(layers, prefix)
    inside = inside[inside["kind"].fillna("").str.contains("Conv")]
    return inside[~inside["layer"].str.contains("shortcut|downsample")]


def _parts_of_layers(layers: pd.DataFrame) -> list[Part]:
    known = layers.dropna(subset=["layer", "out_before"])
    known = known[known["kind"].fillna("").str.contains("Conv|Linear")]
    parts = []
    for name, group in known.groupby(known["layer"].str.split(".").str[0], sort=False):
        last, widest = group.iloc[-1], group.sort_values("out_before").iloc[-1]
        depth = group["layer"].str.extract(r"^[^.]+\.(\d+)\.")[0].nunique() or 1
        shares = group["share_after"].dropna()
        parts.append(
            Part(
                name=str(name),
                block=str(last["kind"]),
                detail=counted(len(group), "layer"),
                depth=int(depth),
                width=int(widest["out_before"]),
                kept=None if pd.isna(widest["out_after"]) else int(widest["out_after"]),
                share=float(shares.sum()) if len(shares) else None,
            )
        )
    return parts
