"""Why trials ended before a full training."""

from collections.abc import Mapping
from typing import Any, Final

from markupsafe import Markup

from reports.content import Content
from reports.drawing import Figure, Rectangle, inline_svg

_MAX_CAUSES: Final = 60


def failures_section(content: Content) -> Mapping[str, Any] | None:
    """Count unfinished trials by state and cause, over all candidates and not only those on the page."""
    candidates = content.frames["candidates"]
    trials = candidates[candidates["kind"] == "trial"]
    ended = trials[~trials["state"].isin(["complete", "running"])]
    if not len(ended):
        return None
    causes = ended["state"] + ended["cause"].fillna("").map(lambda cause: f": {cause}" if cause else "")
    totals = trials.groupby("run").size()
    counted = ended.assign(reason=causes).groupby(["run", "reason"], sort=False).size()
    ordered = (
        counted.sort_values(ascending=False, kind="stable").head(_MAX_CAUSES).rename("number").reset_index()
    )
    return {
        "causes": [
            {"run": run, "cause": reason, "number": number, "bar": _bar(number / totals[run])}
            for run, reason, number in ordered.itertuples(index=False)
        ]
    }


def _bar(share: float) -> Markup:
    figure = Figure(160, 18, f"{100 * share:.0f}% of the trials")
    figure.add(Rectangle(0, 3, 160, 12, "line", radius=2))
    figure.add(Rectangle(0, 3, max(160 * share, 1), 12, "series2", radius=2))
    return Markup(inline_svg(figure, css_class="bar"))
