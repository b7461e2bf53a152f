"""How the winners were trained and recovered, epoch by epoch."""

from collections.abc import Mapping
from typing import Any

import pandas as pd
from markupsafe import Markup

from reports.content import Content
from reports.drawing import Figure, Line, inline_svg
from reports.drawing.palette import NUM_SERIES
from reports.plots import HALF, Curve, curves_plot, dash_of


def training_section(content: Content) -> Mapping[str, Any] | None:
    """Draw the trainings to the end; those of the search would be too many to tell apart."""
    frame = content.frames["history"]
    finished = frame[frame["phase"] != "search"]
    if not len(finished):
        return None
    return {
        "plots": [
            _plot(str(run), str(phase), group) for (run, phase), group in _by(finished, ["run", "phase"])
        ]
    }


def training_plot(group: pd.DataFrame, title: str) -> Figure:
    """Draw validation accuracy by epoch, one curve a model, from rows of the `HISTORY` frame."""
    curves = [
        Curve(list(rows["epoch"].astype(float)), list(rows["accuracy"]), *_look(number))
        for number, (_, rows) in enumerate(_by(group, ["model"]))
    ]
    return curves_plot(curves, HALF, title=title, x_label="epochs", y_label="validation accuracy")


def _plot(run: str, phase: str, group: pd.DataFrame) -> dict[str, Any]:
    title = f"{run}, {phase}"
    legend = []
    for number, (model, _) in enumerate(_by(group, ["model"])):
        key = Figure(16, 16, str(model[0]))
        key.add(Line([(0, 8), (16, 8)], _look(number)[0], 2.5, _look(number)[1]))
        legend.append({"name": str(model[0]).replace(":", " "), "mark": Markup(inline_svg(key))})
    return {"title": title, "figure": Markup(inline_svg(training_plot(group, title))), "legend": legend}


def _look(number: int) -> tuple[str, float]:
    return f"series{number % NUM_SERIES + 1}", dash_of(number, NUM_SERIES)


def _by(frame: pd.DataFrame, keys: list[str]) -> list[tuple[Any, pd.DataFrame]]:
    return list(frame.groupby(keys, sort=False))
