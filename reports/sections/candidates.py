"""The table of every candidate, which the page's script sorts and filters."""

from collections.abc import Mapping
from typing import Any, Final

from reports.content import Content
from reports.sections.rows import cells

COLUMNS: Final = (
    ("candidate", "Candidate", ""),
    ("accuracy", "Accuracy", "n"),
    ("latency_ms", "Latency", "n"),
    ("verdict", "Budget", ""),
    ("state", "State", ""),
    ("parameters", "Parameters", "n"),
    ("macs", "MACs", "n"),
    ("latency_p95_ms", "95th percentile", "n"),
    ("architecture", "Architecture", ""),
)
NUM_FIRST: Final = 25
"""Rows written into the page itself, for print and for readers without scripts."""


def candidates_section(content: Content) -> Mapping[str, Any]:
    """Write the first rows; the script adds the rest from the page's data."""
    rows = content.rows
    states = {*rows["state"].dropna(), *rows["verdict"].dropna()} - {""}
    return {
        "columns": COLUMNS,
        "first": [cells(row) for _, row in rows.head(NUM_FIRST).iterrows()],
        "run_names": content.names,
        "states": sorted(states),
        "num_held": len(rows),
        "num_left_out": len(content.frames["candidates"]) - len(rows),
    }
