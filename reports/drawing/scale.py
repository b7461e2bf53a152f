"""Axes: from values to pixels, with ticks at round numbers."""

import math
from dataclasses import dataclass
from typing import NamedTuple

from reports.drawing.figure import Figure, Segments, Text


@dataclass(frozen=True, slots=True)
class Scale:
    """A linear or logarithmic map from [low, high] to pixels [start, stop]."""

    low: float
    high: float
    start: float
    stop: float
    is_log: bool = False

    def __call__(self, value: float) -> float:
        """Return the pixel of `value`."""
        low, high, at = self.low, self.high, value
        if self.is_log:
            low, high, at = math.log(low), math.log(high), math.log(max(value, self.low * 1e-3))
        return self.start + (self.stop - self.start) * (at - low) / (high - low)

    def ticks(self, count: int) -> list[float]:
        """Choose about `count` round values inside the range."""
        if not self.is_log:
            return linear_ticks(self.low, self.high, count)
        return log_ticks(self.low, self.high, count)


def linear_ticks(low: float, high: float, count: int) -> list[float]:
    """Return multiples of 1, 2 or 5 times a power of ten in [low, high]."""
    rough = (high - low) / max(count, 1)
    power = 10.0 ** math.floor(math.log10(rough))
    step = min((factor * power for factor in (1, 2, 5, 10)), key=lambda step: abs(math.log(step / rough)))
    first = math.ceil(low / step - 1e-9)
    last = math.floor(high / step + 1e-9)
    return [round(index * step, 12) for index in range(first, last + 1)]


def log_ticks(low: float, high: float, count: int) -> list[float]:
    """Return round values in [low, high] that look evenly spaced on a logarithmic axis.

    Below half a decade there are too few powers, and plain steps read better.
    """
    if high / low < 3:
        return linear_ticks(low, high, count)
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    for factors in ((1, 2, 3, 5), (1, 2, 5), (1, 3), (1,)):
        ticks = [factor * 10.0**power for power in powers for factor in factors]
        inside = [tick for tick in ticks if low * 0.999 <= tick <= high * 1.001]
        if len(inside) <= count + 2:
            break
    return inside


class Axis(NamedTuple):
    """A scale with its label and the way its ticks are written."""

    scale: Scale
    label: str
    form: str = "{:g}"
    num_ticks: int = 6

    def write(self, tick: float) -> str:
        """Return the text of a tick."""
        return self.form.format(tick)


def draw_axes(figure: Figure, x: Axis, y: Axis) -> None:
    """Add a light grid, ticks and labels; the y label stands on top, read without turning the head."""
    left, right = x.scale.start, x.scale.stop
    bottom, top = y.scale.start, y.scale.stop
    for tick in y.scale.ticks(y.num_ticks):
        at = y.scale(tick)
        figure.add(Segments([(left, at, right, at)], "line"))
        figure.add(Text(left - 8, at + 4, y.write(tick), "muted", anchor="end"))
    for tick in x.scale.ticks(x.num_ticks):
        at = x.scale(tick)
        figure.add(Segments([(at, bottom, at, bottom + 5)], "faint"))
        figure.add(Text(at, bottom + 19, x.write(tick), "muted", anchor="middle"))
    figure.add(Segments([(left, bottom, right, bottom)], "faint"))
    figure.add(Text(right, bottom + 38, x.label, "muted", anchor="end"))
    figure.add(Text(4, top - 14, y.label, "muted"))
