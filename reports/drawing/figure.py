"""What a figure is made of: five kinds of mark, placed in pixels from the top left.

A mark names a *tone* of `palette.py`, never a colour, so the same figure is drawn in light and in dark.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple


class Line(NamedTuple):
    """A polyline; `dash` is the length of dashes and gaps, 0 for none."""

    points: Sequence[tuple[float, float]]
    tone: str
    width: float = 1.5
    dash: float = 0.0
    opacity: float = 1.0


class Segments(NamedTuple):
    """Many straight strokes of one look: a grid, or the intervals of many points."""

    ends: Sequence[tuple[float, float, float, float]]
    tone: str
    width: float = 1.0
    opacity: float = 1.0


class Markers(NamedTuple):
    """Points of one look.

    `rows` holds for each point the row it stands for, which the page shows on hover; -1 stands for none.
    """

    points: Sequence[tuple[float, float]]
    tone: str
    shape: str = "circle"
    size: float = 3.5
    rows: Sequence[int] = ()
    is_hollow: bool = False
    opacity: float = 1.0


class Rectangle(NamedTuple):
    """A filled rectangle; `radius` rounds its corners."""

    x: float
    y: float
    width: float
    height: float
    tone: str
    opacity: float = 1.0
    radius: float = 0.0


class Text(NamedTuple):
    """One line of text; `anchor` is start, middle or end."""

    x: float
    y: float
    text: str
    tone: str = "ink"
    size: float = 12.0
    anchor: str = "start"
    is_bold: bool = False


Mark = Line | Segments | Markers | Rectangle | Text


@dataclass(slots=True)
class Figure:
    """A drawing that grows by `add`; later marks lie on top."""

    width: float
    height: float
    title: str
    """What it shows, for those who cannot see it and for the file it is saved in."""
    marks: list[Mark] = field(default_factory=list)

    def add(self, *marks: Mark) -> None:
        """Lay marks on top of those already there."""
        self.marks.extend(marks)
