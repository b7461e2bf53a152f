"""What each option of a choice gave: the middle half of the trials that took it."""

import pandas as pd

from reports.drawing import Axis, Figure, Line, Markers, Scale, Segments, Text
from reports.numbers import counted
from reports.plots.canvas import Canvas

_ROW = 24.0


def options_plot(rows: pd.DataFrame, canvas: Canvas) -> Figure:
    """Draw one choice: for each option a bar from the first to the third quartile, with the median marked.

    Args:
        rows: Rows of the `CHOICES` frame of one run, choice and target.
        canvas: Its width is used; the height follows from the number of options.
    """
    target = str(rows["target"].iloc[0])
    factor, unit = (100.0, "%") if target == "accuracy" else (1.0, " ms")
    tone = "series1" if target == "accuracy" else "series2"
    height = _ROW * len(rows) + 34
    figure = Figure(canvas.width, height, f"{target} by {rows['choice'].iloc[0]}")
    low, high = factor * rows["low"].min(), factor * rows["high"].max()
    room = max((high - low) * 0.05, high * 0.002, 1e-9)
    x = Scale(low - room, high + room, 0.27 * canvas.width, 0.84 * canvas.width)
    bottom = height - 26
    axis = Axis(x, "", "{:g}" + unit, num_ticks=3)
    for tick in x.ticks(axis.num_ticks):
        figure.add(Segments([(x(tick), 4, x(tick), bottom)], "line"))
        figure.add(Text(x(tick), bottom + 16, axis.write(tick), "muted", 11.5, "middle"))
    for place, row in enumerate(rows.itertuples()):
        middle = 4 + _ROW * place + _ROW / 2
        first, median, third = (x(factor * float(str(value))) for value in (row.low, row.median, row.high))
        figure.add(Text(x.start - 10, middle + 4, str(row.option)[:20], "ink", 12, "end"))
        figure.add(Line([(first, middle), (max(third, first + 1), middle)], tone, 7, opacity=0.45))
        figure.add(Markers([(median, middle)], tone, size=4.5))
        figure.add(Text(x.stop + 10, middle + 4, counted(int(str(row.num_trials)), "trial"), "muted", 11.5))
    return figure
