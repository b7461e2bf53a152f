"""How the search went: best so far, hypervolume, share inside the budget, and where the time went."""

from collections.abc import Mapping
from typing import Any, Final

import pandas as pd
from markupsafe import Markup

from reports import numbers
from reports.content import Content
from reports.drawing import Figure, Line, Rectangle, inline_svg
from reports.drawing.palette import NUM_SERIES, series_look
from reports.load import Run
from reports.plots import HALF, Curve, curves_plot, dash_of

PLOTS: Final = {
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


def search_section(content: Content) -> Mapping[str, Any] | None:
    """Follow every run that searched."""
    frame = content.frames["search"]
    if not len(frame):
        return None
    return {
        "plots": [
            {"title": title, "figure": Markup(inline_svg(progress_plot(frame, name, content.names)))}
            for name, (title, *_) in PLOTS.items()
        ],
        "legend": [
            _entry(name, number) for number, name in enumerate(content.names) if len(content.names) > 1
        ],
        "phases": [entry for run in content.runs for entry in _phases(run)],
    }


def progress_plot(frame: pd.DataFrame, name: str, runs: list[str]) -> Figure:
    """Draw one of `PLOTS` from the `SEARCH` frame, one curve a run."""
    title, x_column, x_label, y_column, y_label = PLOTS[name]
    curves = []
    for number, run in enumerate(runs):
        rows = frame[frame["run"] == run]
        x, y = rows[x_column].astype(float), rows[y_column].astype(float)
        curves.append(Curve(list(x), list(y), series_look(number)[0], dash_of(number, NUM_SERIES)))
    return curves_plot(curves, HALF, title=title, x_label=x_label, y_label=y_label)


def _entry(name: str, number: int) -> dict[str, Any]:
    key = Figure(16, 16, name)
    key.add(Line([(0, 8), (16, 8)], series_look(number)[0], 2.5, dash_of(number, NUM_SERIES)))
    return {"name": name, "mark": Markup(inline_svg(key))}


def _phases(run: Run) -> list[dict[str, Any]]:
    total = sum(run.record.phases.values())
    if not total:
        return []
    return [
        {"run": run.name, "phase": phase, "time": numbers.duration(seconds), "bar": _bar(seconds / total)}
        for phase, seconds in run.record.phases.items()
    ]


def _bar(share: float) -> Markup:
    figure = Figure(160, 18, f"{100 * share:.0f}% of the time")
    figure.add(Rectangle(0, 3, 160, 12, "line", radius=2))
    figure.add(Rectangle(0, 3, max(160 * share, 1), 12, "series1", radius=2))
    return Markup(inline_svg(figure, css_class="bar"))
