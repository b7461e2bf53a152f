"""Accuracy against latency, one plot for each device, dtype and batch."""

from collections.abc import Mapping
from typing import Any

import pandas as pd
from markupsafe import Markup

from reports.candidates import SETTING
from reports.content import Content
from reports.drawing import Figure, Markers, inline_svg
from reports.drawing.palette import series_look
from reports.plots import NARROW, WIDE, front_plot


def tradeoff_section(content: Content) -> Mapping[str, Any] | None:
    """Draw every setting that has a latency."""
    known = content.rows.dropna(subset=["latency_ms"])
    if not len(known):
        return None
    panels = []
    for setting, group in known.groupby(SETTING, dropna=False, sort=False):
        device, dtype, batch, data = setting
        panels.append(
            {
                "title": f"{device or 'unnamed device'}, {dtype}, batch {batch}, {data or 'unnamed data'}",
                "legend": _legend(group, content.names),
                "wide": Markup(
                    inline_svg(front_plot(group, WIDE, runs=content.names), css_class="wide paired")
                ),
                "narrow": Markup(
                    inline_svg(front_plot(group, NARROW, runs=content.names), css_class="narrow")
                ),
            }
        )
    return {"panels": panels}


def _legend(group: pd.DataFrame, names: list[str]) -> list[dict[str, Any]]:
    entries = [
        _entry(name, *series_look(number))
        for number, name in enumerate(names)
        if (group["run"] == name).any()
    ]
    if (group["kind"] == "before").any():
        entries.append(_entry("before pruning", "muted", "circle", is_hollow=True))
    return entries


def _entry(name: str, tone: str, shape: str, *, is_hollow: bool = False) -> dict[str, Any]:
    key = Figure(16, 16, name)
    key.add(Markers([(8, 8)], tone, shape, 5.5, is_hollow=is_hollow))
    return {"name": name, "mark": Markup(inline_svg(key))}
