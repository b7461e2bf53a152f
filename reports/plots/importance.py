"""Which choices mattered: a bar a choice, for accuracy and for latency."""

from typing import Final

import pandas as pd

from reports import numbers
from reports.choices import ranked
from reports.drawing import Figure, Rectangle, Text
from reports.plots.canvas import Canvas

_ROW: Final = 26.0


def importance_plot(choices: pd.DataFrame, canvas: Canvas, *, target: str) -> Figure:
    """Draw the most important choices of one run for `target`, longest bar first.

    Args:
        choices: Rows of the `CHOICES` frame of one run.
        canvas: Its width is used; the height follows from the number of choices.
        target: accuracy or latency.
    """
    shares = ranked(choices, target)
    figure = Figure(
        canvas.width, _ROW * max(len(shares), 1) + 4, f"Share of the variance of {target} explained"
    )
    start, room = 0.42 * canvas.width, 0.44 * canvas.width
    for place, (choice, share) in enumerate(shares.items()):
        middle = _ROW * place + _ROW / 2 + 2
        tone = "series1" if target == "accuracy" else "series2"
        figure.add(Text(start - 10, middle + 4, _short(str(choice)), "ink", 12.5, "end"))
        figure.add(Rectangle(start, middle - 7, room, 14, "line", 0.6, 3))
        figure.add(Rectangle(start, middle - 7, max(room * share, 1), 14, tone, radius=3))
        figure.add(Text(start + room + 8, middle + 4, numbers.percent(share, 0), "muted", 12.5))
    return figure


def _short(name: str) -> str:
    return name if len(name) <= 26 else f"…{name[-25:]}"
