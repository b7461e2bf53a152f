"""What pruning took from each layer."""

from collections.abc import Mapping
from typing import Any

import pandas as pd
from markupsafe import Markup

from reports import numbers
from reports.content import Content
from reports.sections.bars import bar


def pruning_section(content: Content) -> Mapping[str, Any] | None:
    """Show widths, parameters and latency shares before and after, for every pruned winner."""
    layers = content.frames["layers"]
    if not len(layers):
        return None
    return {
        "pruned": [
            {
                "run": run,
                "candidate": candidate,
                "summary": _summary(group),
                "layers": [_layer(row, group["out_before"].max()) for _, row in group.iterrows()],
            }
            for (run, candidate), group in layers.groupby(["run", "candidate"], sort=False)
        ]
    }


def _summary(group: pd.DataFrame) -> str:
    before, after = group["parameters_before"].sum(), group["parameters_after"].sum()
    if not before:
        return f"{len(group)} layers"
    kept = numbers.percent(after / before, 0)
    return f"{numbers.count(before)} to {numbers.count(after)} parameters ({kept} kept)"


def _layer(row: "pd.Series[Any]", widest: int) -> dict[str, Any]:
    return {
        "name": row["layer"],
        "bar": _width_bar(row["out_before"], row["out_after"], widest),
        "channels": _change(row["out_before"], row["out_after"], lambda value: f"{value:,}"),
        "parameters": _change(row["parameters_before"], row["parameters_after"], numbers.count),
        "share": _change(row["share_before"], row["share_after"], numbers.percent),
        "note": "" if numbers.is_missing(row["note"]) else row["note"],
    }


def _change(before: Any, after: Any, write: Any) -> str:
    if numbers.is_missing(before) or numbers.is_missing(after):
        return "-" if numbers.is_missing(before) else write(before)
    return write(before) if before == after else f"{write(before)} → {write(after)}"


def _width_bar(before: Any, after: Any, widest: Any) -> Markup:
    if numbers.is_missing(before) or numbers.is_missing(after) or not widest:
        return Markup("")
    return bar(after / widest, title=f"{after} of {before} channels kept", ground=before / widest)
