"""A network as a drawing: a row a stage, a box a block, as tall as it is wide in channels."""

import math
from collections.abc import Sequence
from typing import Final

from reports import numbers
from reports.drawing import Figure, Rectangle, Segments, Text
from reports.drawing.palette import NUM_SERIES
from reports.plots.canvas import Canvas
from reports.plots.parts import Part

_ROW: Final = 54.0
"""Height of a row, in pixels."""


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
