"""How networks were trained, epoch by epoch."""

from typing import Any, Final

import pandas as pd

from reports.drawing import Figure
from reports.drawing.palette import NUM_SERIES
from reports.plots.canvas import HALF
from reports.plots.legend import Key, line_key
from reports.plots.lines import Curve, curves_plot, dash_of

MAX_MODELS: Final = 12
"""Curves of one plot; beyond that no two can be told apart."""


def training_plot(history: pd.DataFrame, *, title: str) -> Figure:
    """Draw validation accuracy by epoch, one curve a model, from rows of the `HISTORY` frame."""
    curves = [
        Curve(list(rows["epoch"].astype(float)), list(rows["accuracy"]), *_look(number))
        for number, (_, rows) in enumerate(_by_model(history))
    ]
    return curves_plot(curves, HALF, title=title, x_label="epochs", y_label="validation accuracy")


def training_legend(history: pd.DataFrame) -> list[Key]:
    """Return name and key of every model that `training_plot` draws."""
    names = [str(model).replace(":", " ") for model, _ in _by_model(history)]
    return [(name, line_key(*_look(number))) for number, name in enumerate(names)]


def _by_model(history: pd.DataFrame) -> list[tuple[Any, pd.DataFrame]]:
    return list(history.groupby("model", sort=False))[:MAX_MODELS]


def _look(number: int) -> tuple[str, float]:
    return f"series{number % NUM_SERIES + 1}", dash_of(number, NUM_SERIES)
