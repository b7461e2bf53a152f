"""How the winners were trained and recovered, epoch by epoch."""

from collections.abc import Mapping
from typing import Any

from markupsafe import Markup

from reports.content import Content
from reports.drawing import inline_svg
from reports.plots import training_legend, training_plot
from reports.sections.legend import legend


def training_section(content: Content) -> Mapping[str, Any] | None:
    """Draw the trainings to the end; those of the search would be too many to tell apart."""
    history = content.frames["history"]
    finished = history[history["phase"] != "search"]
    if not len(finished):
        return None
    plots = []
    for (run, phase), group in finished.groupby(["run", "phase"], sort=False):
        title = f"{run}, {phase}"
        figure = Markup(inline_svg(training_plot(group, title=title)))
        plots.append({"title": title, "figure": figure, "legend": legend(training_legend(group))})
    return {"plots": plots}
