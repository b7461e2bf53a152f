"""How a search went: what it had found after each trial, and after each second."""

from collections.abc import Mapping
from typing import Final, NamedTuple

import pandas as pd

from reports.drawing import Figure
from reports.drawing.palette import NUM_SERIES, series_look
from reports.plots.canvas import HALF
from reports.plots.legend import Key, line_key
from reports.plots.lines import Curve, curves_plot, dash_of


class ProgressPlot(NamedTuple):
    """One view of the `SEARCH` frame."""

    title: str
    y: str
    """Column of the frame on the y axis, a fraction."""
    y_label: str
    x: str = "order"
    """Column on the x axis."""
    x_label: str = "trials"


PROGRESS: Final[Mapping[str, ProgressPlot]] = {
    "best": ProgressPlot("Best accuracy inside the budget", "best_accuracy", "validation accuracy"),
    "best-seconds": ProgressPlot(
        "The same against time", "best_accuracy", "validation accuracy", "seconds", "seconds"
    ),
    "hypervolume": ProgressPlot("Hypervolume", "hypervolume", "share of the rectangle to the limit"),
    "within": ProgressPlot("Proposals inside the budget", "share_within", "share of measured candidates"),
}


def progress_plots(search: pd.DataFrame) -> list[str]:
    """List the names of those plots that have something to show."""
    return [name for name, plot in PROGRESS.items() if search[plot.y].notna().any()]


def progress_plot(search: pd.DataFrame, name: str, *, runs: list[str]) -> Figure:
    """Draw one of `PROGRESS` from the `SEARCH` frame, one curve a run."""
    plot = PROGRESS[name]
    curves = []
    for number, run in enumerate(runs):
        rows = search[search["run"] == run]
        x, y = rows[plot.x].astype(float), rows[plot.y].astype(float)
        curves.append(Curve(list(x), list(y), *_look(number)))
    return curves_plot(curves, HALF, title=plot.title, x_label=plot.x_label, y_label=plot.y_label)


def progress_legend(search: pd.DataFrame, *, runs: list[str]) -> list[Key]:
    """Return name and key of every run that searched."""
    searched = set(search["run"])
    return [(name, line_key(*_look(number))) for number, name in enumerate(runs) if name in searched]


def _look(number: int) -> tuple[str, float]:
    return series_look(number)[0], dash_of(number, NUM_SERIES)
