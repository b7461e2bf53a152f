"""A network as a drawing: a row a stage, a box a block, as tall as it is wide in channels."""

import math
from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

import pandas as pd

from reports import numbers
from reports.drawing import Figure, Rectangle, Segments, Text
from reports.drawing.palette import NUM_SERIES
from reports.plots.canvas import Canvas

_ROW: Final = 54.0


class Part(NamedTuple):
    """One row of the drawing: the stem, a stage or the head."""

    name: str
    block: str
    """Block type, the same tone for the same type."""
    detail: str
    depth: int
    width: int | None
    kept: int | None
    """Mean channels its blocks hand on after pruning; None where it was not pruned."""
    resolution: tuple[int, int] | None
    share: float | None
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


def architecture_plot(parts: Sequence[Part], canvas: Canvas, *, title: str) -> Figure:
    """Draw a network from its image at the top to its head at the bottom."""
    figure = Figure(canvas.width, _ROW * len(parts) + 8, title)
    is_narrow = canvas.width < 600
    left, text_at = (78.0, 205.0) if is_narrow else (130.0, 470.0)
    widest = max([part.width or 1 for part in parts])
    blocks = list(dict.fromkeys(part.block for part in parts if part.is_stage))
    for place, part in enumerate(parts):
        top = _ROW * place + 4
        middle = top + _ROW / 2
        if place:
            figure.add(Segments([(0, top, canvas.width, top)], "line"))
        figure.add(Text(0, middle - 2, part.name, "ink", 13, is_bold=True))
        if part.resolution:
            figure.add(Text(0, middle + 15, "{} x {} px".format(*part.resolution), "muted", 11.5))
        tone = f"series{blocks.index(part.block) % NUM_SERIES + 1}" if part.is_stage else "faint"
        _add_boxes(figure, part, middle, (left, text_at - 24), (tone, widest))
        figure.add(Text(text_at, middle - 2, _headline(part), "ink", 13))
        figure.add(Text(text_at, middle + 15, part.detail[: 26 if is_narrow else 60], "muted", 11.5))
        _add_share(figure, part, middle, canvas)
    return figure


def _headline(part: Part) -> str:
    times = f" x {part.depth}" if part.depth > 1 else ""
    if part.width is None:
        return f"{part.block}{times}"
    if part.kept is not None and part.kept != part.width:
        return f"{part.block}{times}, {part.kept} of {part.width} ch"
    return f"{part.block}{times}, {part.width} ch"


def _add_boxes(
    figure: Figure, part: Part, middle: float, room: tuple[float, float], look: tuple[str, int]
) -> None:
    tone, widest = look
    left, right = room
    step = min(30.0, (right - left) / max(part.depth, 1))
    # The square root keeps a stem of 16 channels visible beside a stage of 2,048.
    tall = 10 + 36 * math.sqrt((part.width or 1) / widest)
    kept = 10 + 36 * math.sqrt((part.kept or part.width or 1) / widest)
    for block in range(part.depth):
        x, wide = left + step * block, max(step - 5, 2)
        if kept < tall:
            figure.add(Rectangle(x, middle - tall / 2, wide, tall, tone, 0.25, 3))
        figure.add(Rectangle(x, middle - kept / 2, wide, kept, tone, radius=3))


def _add_share(figure: Figure, part: Part, middle: float, canvas: Canvas) -> None:
    if part.share is None:
        return
    figure.add(Text(canvas.width, middle - 2, numbers.percent(part.share, 0), "ink", 13, "end"))
    if canvas.width >= 600:
        figure.add(Text(canvas.width, middle + 15, "of the latency", "muted", 11.5, "end"))
        figure.add(Rectangle(canvas.width - 190, middle - 9, 130, 12, "line", radius=3))
        figure.add(Rectangle(canvas.width - 190, middle - 9, max(130 * part.share, 1), 12, "ink", 0.75, 3))


def _parts_of_architecture(
    architecture: Mapping[str, Any], stages: Sequence[Mapping[str, Any]], layers: pd.DataFrame
) -> list[Part]:
    stem, head = architecture.get("stem") or {}, architecture.get("head") or {}
    height, width = (int(side) for side in architecture["resolution"])
    parts = [
        Part(
            "stem",
            str(stem.get("name", "stem")),
            _options(stem),
            1,
            int(stem["width"]),
            _kept(layers, "stem."),
            _resolution(layers, "stem.", height / width),
            _share(layers, "stem."),
        )
    ]
    for number, stage in enumerate(stages):
        prefix = f"stages.{number}."
        parts.append(
            Part(
                f"stage {number + 1}",
                str(stage["block"]),
                _options(stage),
                int(stage["depth"]),
                int(stage["width"]),
                _kept(layers, prefix),
                _resolution(layers, prefix, height / width),
                _share(layers, prefix),
            )
        )
    classes = architecture.get("num_classes")
    parts.append(
        Part(
            "head",
            str(head.get("name", "head")),
            _counted(classes, "class", "classes"),
            1,
            None,
            None,
            None,
            _share(layers, "head."),
        )
    )
    image = Part(
        "image",
        "",
        _counted(architecture.get("in_channels"), "channel"),
        0,
        None,
        None,
        (height, width),
        None,
    )
    return [image, *parts]


def _counted(number: Any, word: str, plural: str = "") -> str:
    return f"1 {word}" if number == 1 else f"{number} {plural or word + 's'}"


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
                str(name),
                str(last["kind"]),
                f"{len(group)} layers",
                int(depth),
                int(widest["out_before"]),
                None if pd.isna(widest["out_after"]) else int(widest["out_after"]),
                None,
                float(shares.sum()) if len(shares) else None,
            )
        )
    return parts
