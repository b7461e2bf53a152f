"""How the search went: best so far, hypervolume, share inside the budget, and where the time went."""

from collections.abc import Mapping
from typing import Any

from markupsafe import Markup

from reports import numbers
from reports.content import Content
from reports.drawing import Figure, Rectangle, inline_svg
from reports.load import Run
from reports.plots import PROGRESS, progress_legend, progress_plot
from reports.sections.legend import legend


def search_section(content: Content) -> Mapping[str, Any] | None:
    """Follow every run that searched."""
    frame = content.frames["search"]
    if not len(frame):
        return None
    return {
        "plots": [
            {"title": title, "figure": Markup(inline_svg(progress_plot(frame, name, runs=content.names)))}
            for name, (title, *_) in PROGRESS.items()
        ],
        "legend": legend(progress_legend(frame, runs=content.names)),
        "phases": [entry for run in content.runs for entry in _phases(run)],
    }


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
