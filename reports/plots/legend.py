"""A legend below a plot, for pictures that stand without the page around them."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from reports.drawing import Figure, Line, Markers, Text

Key = tuple[str, Line | Markers]
"""Name and key of a series; the key is drawn in a box of 16 by 16 pixels."""

_ROW: Final = 22.0
_LETTER: Final = 6.6
"""Width of a letter at the size used, on average."""


def with_legend(figure: Figure, entries: Sequence[Key]) -> Figure:
    """Return a copy of `figure` with a legend below it, as many to a row as fit.

    Args:
        figure: The plot.
        entries: The series, in order.
    """
    made = replace(figure, marks=list(figure.marks))
    x, y = 0.0, figure.height + 12
    for name, key in entries:
        label = name if len(name) <= 40 else f"{name[:39]}…"
        width = 16 + 8 + _LETTER * len(label) + 24
        if x and x + width > figure.width:
            x, y = 0.0, y + _ROW
        made.add(key._replace(points=[(x + px, y + py) for px, py in key.points]))
        made.add(Text(x + 24, y + 12, label, "ink", 12))
        x += width
    made.height = y + _ROW if entries else figure.height
    return made


def marker_key(tone: str, shape: str, *, is_hollow: bool = False) -> Markers:
    """Return the key of a series that is drawn as points."""
    return Markers([(8, 8)], tone, shape, 5.5, is_hollow=is_hollow)


def line_key(tone: str, dash: float = 0.0) -> Line:
    """Return the key of a series that is drawn as a line."""
    return Line([(0, 8), (16, 8)], tone, 2.5, dash)
