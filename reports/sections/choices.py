"""Which choices of the space mattered, and what their options gave."""

from collections.abc import Mapping
from typing import Any

import pandas as pd
from markupsafe import Markup

from reports.choices import TARGETS, notable, ranked
from reports.content import Content
from reports.drawing import inline_svg
from reports.plots import HALF, importance_plot, options_plot


def choices_section(content: Content) -> Mapping[str, Any] | None:
    """Show importances for both targets, then the options of the most important choices."""
    frame = content.frames["choices"]
    if not len(frame):
        return None
    return {"runs": [_run(str(name), group) for name, group in frame.groupby("run", sort=False)]}


def _run(name: str, group: pd.DataFrame) -> dict[str, Any]:
    targets = [target for target in TARGETS if (group["target"] == target).any()]
    return {
        "name": name,
        "importances": [
            {"target": target, "figure": Markup(inline_svg(importance_plot(group, HALF, target=target)))}
            for target in targets
            if len(ranked(group, target))
        ],
        "options": [
            {"choice": choice, "figures": _options(group[group["choice"] == choice], targets)}
            for choice in notable(group)
        ],
    }


def _options(rows: pd.DataFrame, targets: list[str]) -> list[Markup]:
    figures = [rows[rows["target"] == target] for target in targets]
    return [Markup(inline_svg(options_plot(part, HALF))) for part in figures if len(part)]
