"""A drawing of each winner."""

from collections.abc import Mapping
from typing import Any

from markupsafe import Markup

from reports.candidates import name_of
from reports.content import Content
from reports.drawing import inline_svg
from reports.plots import NARROW, WIDE, architecture_plot, read_parts


def architectures_section(content: Content) -> Mapping[str, Any] | None:
    """Draw every winner whose structure is known."""
    drawings = []
    for run in content.runs:
        for entry in run.winners:
            parts = read_parts(entry.architecture or {}, entry.layers)
            if parts:
                title = f"{run.name}, {name_of(entry)}"
                figures = (
                    inline_svg(architecture_plot(parts, canvas, title=title), css_class=css)
                    for canvas, css in ((WIDE, "wide paired"), (NARROW, "narrow"))
                )
                drawings.append({"title": title, "figure": Markup("").join(map(Markup, figures))})
    return {"drawings": drawings} if drawings else None
