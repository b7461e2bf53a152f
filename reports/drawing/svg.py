"""Write a figure as SVG: bare for the page, whose style sheet has the colours, or complete for a file."""

from collections.abc import Callable, Mapping
from html import escape
from typing import Any, Final

from reports.drawing.figure import Figure, Line, Markers, Rectangle, Segments, Text
from reports.drawing.palette import LIGHT, css_tones, css_variables

PADDING: Final = 16
"""Pixels around a figure that stands alone."""


def inline_svg(figure: Figure, *, css_class: str = "") -> str:
    """Return an `<svg>` element without colours of its own, for a page that defines the tones."""
    box = f'viewBox="0 0 {_px(figure.width)} {_px(figure.height)}"'
    names = escape(f"figure {css_class}".strip())
    marks = "".join(_WRITERS[type(mark)](mark) for mark in figure.marks)
    return f'<svg class="{names}" {box} role="img" aria-label="{escape(figure.title)}">{marks}</svg>'


def standalone_svg(figure: Figure, *, palette: Mapping[str, str] = LIGHT) -> str:
    """Return a whole SVG file with ground, colours and a font, for a paper or a slide."""
    width, height = _px(figure.width + 2 * PADDING), _px(figure.height + 2 * PADDING)
    size = f'width="{width}" height="{height}" viewBox="{-PADDING} {-PADDING} {width} {height}"'
    marks = "".join(_WRITERS[type(mark)](mark) for mark in figure.marks)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" {size}>'
        f"<title>{escape(figure.title)}</title>"
        f"<style>svg{{{css_variables(palette)}font-family:Helvetica,Arial,sans-serif}}{css_tones()}</style>"
        f'<rect x="{-PADDING}" y="{-PADDING}" width="{width}" height="{height}" class="f-paper"/>'
        f"{marks}</svg>\n"
    )


def marker_outline(shape: str, x: float, y: float, size: float) -> list[tuple[float, float]]:
    """Return the corners of a marker; every shape covers about the area of a circle of radius `size`."""
    if shape == "square":
        half = size * 0.886
        return [(x - half, y - half), (x + half, y - half), (x + half, y + half), (x - half, y + half)]
    if shape == "triangle":
        return [(x, y - size * 1.45), (x + size * 1.3, y + size * 0.85), (x - size * 1.3, y + size * 0.85)]
    half = size * 1.25
    return [(x, y - half), (x + half, y), (x, y + half), (x - half, y)]


def _px(value: float) -> str:
    # A tenth of a pixel is below what any screen shows, and short numbers keep the page small.
    return f"{value:.1f}".removesuffix(".0")


def _opacity(value: float) -> str:
    return f' opacity="{value:g}"' if value < 1 else ""


def _trace(points: Any, *, is_closed: bool) -> str:
    return "M" + "L".join(f"{_px(x)} {_px(y)}" for x, y in points) + ("Z" if is_closed else "")


def _line(mark: Line) -> str:
    dash = f' stroke-dasharray="{_px(mark.dash)}"' if mark.dash else ""
    look = f'fill="none" stroke-width="{mark.width:g}" stroke-linejoin="round"{dash}{_opacity(mark.opacity)}'
    return f'<path d="{_trace(mark.points, is_closed=False)}" class="s-{mark.tone}" {look}/>'


def _segments(mark: Segments) -> str:
    strokes = "".join(f"M{_px(x1)} {_px(y1)}L{_px(x2)} {_px(y2)}" for x1, y1, x2, y2 in mark.ends)
    look = f'stroke-width="{mark.width:g}"{_opacity(mark.opacity)}'
    return f'<path d="{strokes}" class="s-{mark.tone}" {look}/>'


def _markers(mark: Markers) -> str:
    look = f'class="s-{mark.tone} f-paper" stroke-width="1.5"' if mark.is_hollow else f'class="f-{mark.tone}"'
    rows = list(mark.rows) or [-1] * len(mark.points)
    shapes = []
    for (x, y), row in zip(mark.points, rows, strict=True):
        data = f' data-row="{row}"' if row >= 0 else ""
        if mark.shape == "circle":
            shapes.append(f'<circle cx="{_px(x)}" cy="{_px(y)}" r="{mark.size:g}"{data}/>')
        else:
            outline = _trace(marker_outline(mark.shape, x, y, mark.size), is_closed=True)
            shapes.append(f'<path d="{outline}"{data}/>')
    return f"<g {look}{_opacity(mark.opacity)}>{''.join(shapes)}</g>"


def _rectangle(mark: Rectangle) -> str:
    box = f'x="{_px(mark.x)}" y="{_px(mark.y)}" width="{_px(mark.width)}" height="{_px(mark.height)}"'
    radius = f' rx="{_px(mark.radius)}"' if mark.radius else ""
    return f'<rect {box}{radius} class="f-{mark.tone}"{_opacity(mark.opacity)}/>'


def _text(mark: Text) -> str:
    anchor = "" if mark.anchor == "start" else f' text-anchor="{mark.anchor}"'
    weight = ' font-weight="600"' if mark.is_bold else ""
    place = f'x="{_px(mark.x)}" y="{_px(mark.y)}" font-size="{mark.size:g}"{anchor}{weight}'
    return f'<text {place} class="f-{mark.tone}">{escape(mark.text)}</text>'


_WRITERS: Final[Mapping[type, Callable[[Any], str]]] = {
    Line: _line,
    Segments: _segments,
    Markers: _markers,
    Rectangle: _rectangle,
    Text: _text,
}
