"""Curves over one axis: how a search or a training went."""

from collections.abc import Sequence
from typing import Final, NamedTuple

from reports.drawing import Axis, Figure, Line, Scale, draw_axes
from reports.plots.canvas import Canvas

_MAX_POINTS: Final = 300
"""Points of a curve that are drawn: more than that no screen of this width can show."""
_DASHES: Final = (0.0, 6.0, 2.0)


class Curve(NamedTuple):
    """One curve: values of y at rising x, and the tone it is drawn in."""

    x: Sequence[float]
    y: Sequence[float]
    tone: str
    dash: float = 0.0


def dash_of(number: int, num_tones: int) -> float:
    """Return the dash of the series numbered `number`, so that series of one tone still differ."""
    return _DASHES[number // num_tones % len(_DASHES)]


def curves_plot(
    curves: Sequence[Curve],
    canvas: Canvas,
    *,
    title: str,
    x_label: str,
    y_label: str,
    is_percent: bool = True,
) -> Figure:
    """Draw curves as steps: between two trials nothing is known to have changed.

    Args:
        curves: What to draw; a NaN at the start of a curve is left out.
        canvas: The size to draw for.
        title: What it shows.
        x_label: What the x axis counts, with its unit.
        y_label: What the y axis shows.
        is_percent: Whether y is a fraction, written as a percentage.
    """
    figure = Figure(canvas.width, canvas.height, title)
    factor = 100 if is_percent else 1
    cleaned = [_clean(curve, factor) for curve in curves]
    xs = [x for points in cleaned for x, _ in points] or [0.0, 1.0]
    ys = [y for points in cleaned for _, y in points] or [0.0, 1.0]
    x_scale = Scale(min(xs), max(max(xs), min(xs) + 1e-9), canvas.left, canvas.right)
    low, high = min(ys), max(ys)
    room = max((high - low) * 0.08, 0.5 if is_percent else 1e-9)
    top = min(high + room, 100.0) if is_percent else high + room
    y_scale = Scale(max(low - room, 0.0), top, canvas.bottom, canvas.top)
    form = "{:.3g}%" if is_percent else "{:g}"
    draw_axes(
        figure,
        Axis(x_scale, x_label, "{:,.6g}", canvas.num_ticks),
        Axis(y_scale, y_label, form, num_ticks=4),
    )
    for curve, points in zip(curves, cleaned, strict=True):
        if points:
            placed = [(x_scale(x), y_scale(y)) for x, y in points]
            figure.add(Line(_stairs(placed), curve.tone, 2.0, curve.dash))
    return figure


def _clean(curve: Curve, factor: float) -> list[tuple[float, float]]:
    points = [
        (float(x), factor * float(y)) for x, y in zip(curve.x, curve.y, strict=True) if y == y
    ]  # not NaN
    if len(points) <= _MAX_POINTS:
        return points
    step = (len(points) - 1) / (_MAX_POINTS - 1)
    return [points[round(place * step)] for place in range(_MAX_POINTS)]


def _stairs(points: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    corners = [points[0]]
    for x, y in points[1:]:
        if y != corners[-1][1]:
            corners += [(x, corners[-1][1]), (x, y)]
    return [*corners, (points[-1][0], corners[-1][1])]
