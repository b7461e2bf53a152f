"""Which choices of the space mattered, and what their options gave."""

from collections.abc import Mapping
from typing import Any, Final

import pandas as pd
from markupsafe import Markup

from reports.choices import ANY_STAGE, TARGETS
from reports.content import Content
from reports.drawing import inline_svg
from reports.plots import HALF, importance_plot, options_plot
from reports.plots.importance import ranked

NUM_DETAILED: Final = 4
"""Choices of single stages whose options are shown one by one."""


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
        ],
        "options": [
            {"choice": choice, "figures": _options(group[group["choice"] == choice], targets)}
            for choice in notable(group)
        ],
    }


def notable(group: pd.DataFrame) -> list[str]:
    """Return the choices shown option by option: those of any stage, the head, then the most important."""
    both = [ranked(group, target) for target in TARGETS]
    highest = pd.concat(both).groupby(level=0).max().sort_values(ascending=False, kind="stable")
    pooled = [choice for choice in group["choice"].unique() if choice.startswith(ANY_STAGE)]
    head = [choice for choice in group["choice"].unique() if choice == "head"]
    alone = [str(choice) for choice in highest.index if choice not in head]
    return [*pooled, *head, *alone[:NUM_DETAILED]]


def _options(rows: pd.DataFrame, targets: list[str]) -> list[Markup]:
    figures = [rows[rows["target"] == target] for target in targets]
    return [Markup(inline_svg(options_plot(part, HALF))) for part in figures if len(part)]
