"""A legend as the page writes it: text that wraps, with a small drawing before each name."""

from collections.abc import Sequence
from typing import Any

from markupsafe import Markup

from reports.drawing import Figure, inline_svg
from reports.plots.legend import Key


def legend(keys: Sequence[Key]) -> list[dict[str, Any]]:
    """Turn names and keys into names and `<svg>` elements."""
    entries = []
    for name, mark in keys:
        figure = Figure(16, 16, name[:80])
        figure.add(mark)
        entries.append({"name": name, "mark": Markup(inline_svg(figure))})
    return entries
