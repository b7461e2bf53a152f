"""Accuracy against latency, one plot for each device, dtype, batch and data set."""

from collections.abc import Mapping
from typing import Any

from markupsafe import Markup

from reports.candidates import by_setting
from reports.content import Content
from reports.drawing import inline_svg
from reports.plots import NARROW, WIDE, front_legend, front_plot
from reports.sections.legend import legend


def tradeoff_section(content: Content) -> Mapping[str, Any] | None:
    """Draw every setting that has a latency."""
    known = content.rows.dropna(subset=["latency_ms"])
    if not len(known):
        return None
    panels = []
    for setting, group in by_setting(known, content.names):
        device, dtype, batch, data = setting
        wide, narrow = (front_plot(group, canvas, runs=content.names) for canvas in (WIDE, NARROW))
        panels.append(
            {
                "title": f"{device or 'unnamed device'}, {dtype}, batch {batch}, {data or 'unnamed data'}",
                "legend": legend(front_legend(group, runs=content.names)),
                "wide": Markup(inline_svg(wide, css_class="wide paired")),
                "narrow": Markup(inline_svg(narrow, css_class="narrow")),
            }
        )
    return {"panels": panels}
