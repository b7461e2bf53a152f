"""Write a figure as PNG without a browser: the same marks as `svg.py`, painted with Pillow.

Pillow comes with torchvision and carries a font of its own, so a picture looks the same on every machine. It
has no anti-aliased shapes: everything but text is painted at a multiple of the size and then reduced.
"""

import io
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any, Final

from PIL import Image, ImageDraw, ImageFont

from reports.drawing.figure import Figure, Line, Markers, Rectangle, Segments, Text
from reports.drawing.palette import LIGHT
from reports.drawing.svg import PADDING, marker_outline

SCALE: Final = 2
"""Pixels of the picture for one of the figure: sharp on paper at 200 dots an inch."""
_ZOOM: Final = 3 * SCALE
"""Painted pixels for one of the figure, before the picture is reduced."""

Point = tuple[float, float]
Brush = Callable[[ImageDraw.ImageDraw, Any], None]


def png_bytes(figure: Figure, *, palette: Mapping[str, str] = LIGHT) -> bytes:
    """Return a figure as the bytes of a PNG file, `SCALE` times as large as it says."""
    size = (round(figure.width + 2 * PADDING) * _ZOOM, round(figure.height + 2 * PADDING) * _ZOOM)
    canvas = Image.new("RGB", size, palette["paper"])
    for mark in figure.marks:
        if not isinstance(mark, Text):
            for tone, opacity, brush in _BRUSHES[type(mark)](mark):
                _paint(canvas, palette[tone], opacity, brush)
    picture = canvas.resize((size[0] * SCALE // _ZOOM, size[1] * SCALE // _ZOOM), Image.Resampling.BOX)
    for mark in figure.marks:
        if isinstance(mark, Text):
            _write(picture, mark, palette[mark.tone])
    stream = io.BytesIO()
    picture.save(stream, "PNG")
    return stream.getvalue()


def _paint(canvas: Image.Image, colour: str, opacity: float, brush: Brush) -> None:
    if opacity >= 1:
        brush(ImageDraw.Draw(canvas), colour)
        return
    # Through a mask, so that what overlaps inside one mark does not add up, as in SVG.
    mask = Image.new("L", canvas.size, 0)
    brush(ImageDraw.Draw(mask), round(255 * opacity))
    canvas.paste(colour, (0, 0), mask)


def _zoomed(points: Sequence[Point]) -> list[Point]:
    return [((x + PADDING) * _ZOOM, (y + PADDING) * _ZOOM) for x, y in points]


def _line(mark: Line) -> Iterator[tuple[str, float, Brush]]:
    points = _zoomed(mark.points)
    width = max(round(mark.width * _ZOOM), 1)
    pieces = [points] if not mark.dash else dashes(points, mark.dash * _ZOOM)

    def brush(draw: ImageDraw.ImageDraw, ink: Any) -> None:
        for piece in pieces:
            draw.line(piece, fill=ink, width=width, joint="curve")

    yield mark.tone, mark.opacity, brush


def dashes(points: Sequence[Point], length: float) -> list[list[Point]]:
    """Cut a polyline into dashes of `length` with gaps as long."""
    pieces: list[list[Point]] = []
    travelled = 0.0
    for (x1, y1), (x2, y2) in pairwise(points):
        whole = math.hypot(x2 - x1, y2 - y1)
        for place in range(int(travelled / length), int((travelled + whole) / length) + 1):
            start = max(place * length - travelled, 0.0)
            stop = min((place + 1) * length - travelled, whole)
            if place % 2 == 0 and start < stop:
                cuts = (start / whole, stop / whole)
                pieces.append([(x1 + (x2 - x1) * cut, y1 + (y2 - y1) * cut) for cut in cuts])
        travelled += whole
    return pieces


def _segments(mark: Segments) -> Iterator[tuple[str, float, Brush]]:
    width = max(round(mark.width * _ZOOM), 1)

    def brush(draw: ImageDraw.ImageDraw, ink: Any) -> None:
        for x1, y1, x2, y2 in mark.ends:
            draw.line(_zoomed([(x1, y1), (x2, y2)]), fill=ink, width=width)

    yield mark.tone, mark.opacity, brush


def _markers(mark: Markers) -> Iterator[tuple[str, float, Brush]]:
    yield (
        mark.tone,
        mark.opacity,
        lambda draw, ink: _stamp(draw, ink, mark, mark.size + 0.75 * mark.is_hollow),
    )
    if mark.is_hollow:
        yield "paper", mark.opacity, lambda draw, ink: _stamp(draw, ink, mark, mark.size - 0.75)


def _stamp(draw: ImageDraw.ImageDraw, ink: Any, mark: Markers, size: float) -> None:
    for x, y in mark.points:
        if mark.shape == "circle":
            draw.ellipse(_zoomed([(x - size, y - size), (x + size, y + size)]), fill=ink)
        else:
            draw.polygon(_zoomed(marker_outline(mark.shape, x, y, size)), fill=ink)


def _rectangle(mark: Rectangle) -> Iterator[tuple[str, float, Brush]]:
    corners = _zoomed([(mark.x, mark.y), (mark.x + mark.width, mark.y + mark.height)])
    radius = min(mark.radius, mark.width / 2, mark.height / 2) * _ZOOM
    yield mark.tone, mark.opacity, lambda draw, ink: draw.rounded_rectangle(corners, radius, fill=ink)


def _write(picture: Image.Image, text: Text, colour: str) -> None:
    font = ImageFont.load_default(text.size * SCALE)
    anchor = {"start": "ls", "middle": "ms", "end": "rs"}[text.anchor]
    place = ((text.x + PADDING) * SCALE, (text.y + PADDING) * SCALE)
    # The font has one weight: a hair of outline stands for bold.
    outline = 0.4 * SCALE if text.is_bold else 0
    ImageDraw.Draw(picture).text(
        place, text.text, fill=colour, font=font, anchor=anchor, stroke_width=outline, stroke_fill=colour
    )


_BRUSHES: Final[Mapping[type, Callable[[Any], Iterator[tuple[str, float, Brush]]]]] = {
    Line: _line,
    Segments: _segments,
    Markers: _markers,
    Rectangle: _rectangle,
}
