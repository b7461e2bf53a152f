"""Drawings made of marks: one description, written as SVG for the page and the printer or as PNG."""

from reports.drawing.figure import Figure, Line, Markers, Rectangle, Segments, Text
from reports.drawing.scale import Axis, Scale, draw_axes
from reports.drawing.svg import inline_svg, standalone_svg

__all__ = [
    "Axis",
    "Figure",
    "Line",
    "Markers",
    "Rectangle",
    "Scale",
    "Segments",
    "Text",
    "draw_axes",
    "inline_svg",
    "standalone_svg",
]
