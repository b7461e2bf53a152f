"""The finished networks, one beside the other."""

from collections.abc import Mapping
from typing import Any

from reports.content import Content
from reports.sections.rows import cells


def winners_section(content: Content) -> Mapping[str, Any] | None:
    """List the winners of all runs, most accurate first."""
    rows = content.rows[content.rows["kind"] == "winner"]
    if not len(rows):
        return None
    ordered = rows.sort_values(["accuracy", "latency_ms"], ascending=[False, True], kind="stable")
    return {"winners": [cells(row) for _, row in ordered.iterrows()]}
