"""Why trials ended before a full training."""

from collections.abc import Mapping
from typing import Any, Final

from markupsafe import Markup

from reports.content import Content
from reports.sections.bars import bar

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
            {"run": run, "cause": reason, "number": number, "bar": _share_bar(number / totals[run])}
            for run, reason, number in ordered.itertuples(index=False)
        ]
    }


def _share_bar(share: float) -> Markup:
    return bar(share, title=f"{share:.0%} of the trials", tone="series2")
