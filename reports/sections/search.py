"""How the search went: best so far, hypervolume, share inside the budget, and where the time went."""

from collections.abc import Mapping
from typing import Any

from markupsafe import Markup

from reports import numbers
from reports.content import Content
from reports.drawing import inline_svg
from reports.load import Run
from reports.plots import PROGRESS, progress_legend, progress_plot, progress_plots
from reports.sections.bars import bar
from reports.sections.legend import legend


def search_section(content: Content) -> Mapping[str, Any] | None:
    """Follow every run that searched."""
    frame = content.frames["search"]
    if not len(frame):
        return None
    return {
        "plots": [
            {
                "title": PROGRESS[name].title,
                "figure": Markup(inline_svg(progress_plot(frame, name, runs=content.names))),
            }
            for name in progress_plots(frame)
        ],
        "legend": legend(progress_legend(frame, runs=content.names)),
        "phases": [entry for run in content.runs for entry in _phases(run)],
    }


def _phases(run: Run) -> list[dict[str, Any]]:
    total = sum(run.record.phases.values())
    if not total:
        return []
    return [
        {
            "run": run.name,
            "phase": phase,
            "time": numbers.duration(seconds),
            "bar": bar(seconds / total, title=f"{seconds / total:.0%} of the time"),
        }
        for phase, seconds in run.record.phases.items()
    ]
