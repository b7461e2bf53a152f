"""How a search went: what it had found after each trial, and after each second."""

from typing import Final

import pandas as pd

from reports.drawing import Figure
from reports.drawing.palette import NUM_SERIES, series_look
from reports.plots.canvas import HALF
from reports.plots.legend import Key, line_key
from reports.plots.lines import Curve, curves_plot, dash_of

PROGRESS: Final = {
    "best": ("Best accuracy inside the budget", "order", "trials", "best_accuracy", "validation accuracy"),
    "best-seconds": ("The same against time", "seconds", "seconds", "best_accuracy", "validation accuracy"),
    "hypervolume": ("Hypervolume", "order", "trials", "hypervolume", "share of the rectangle to the limit"),
    "within": (
        "Proposals inside the budget",
        "order",
        "trials",
        "share_within",
        "share of measured candidates",
    ),
}
"""Name to title, x column, x label, y column and y label."""


def progress_plot(search: pd.DataFrame, name: str, *, runs: list[str]) -> Figure:
    """Draw one of `PROGRESS` from the `SEARCH` frame, one curve a run."""
    title, x_column, x_label, y_column, y_label = PROGRESS[name]
    curves = []
    for number, run in enumerate(runs):
        rows = search[search["run"] == run]
        x, y = rows[x_column].astype(float), rows[y_column].astype(float)
        curves.append(Curve(list(x), list(y), *_look(number)))
    return curves_plot(curves, HALF, title=title, x_label=x_label, y_label=y_label)


def progress_legend(search: pd.DataFrame, *, runs: list[str]) -> list[Key]:
    """Return name and key of every run that searched."""
    searched = set(search["run"])
    return [(name, line_key(*_look(number))) for number, name in enumerate(runs) if name in searched]


def _look(number: int) -> tuple[str, float]:
    return series_look(number)[0], dash_of(number, NUM_SERIES)
