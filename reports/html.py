"""Write the report: one HTML file that needs no network and runs no script but its own."""

import base64
import hashlib
import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import pandas as pd
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from millinet.files import write_text
from reports.compare import frames_of
from reports.content import Content, gather
from reports.drawing.palette import DARK, LIGHT, css_tones, css_variables
from reports.findings import findings
from reports.load import load_runs
from reports.pictures import save_pictures
from reports.save import save_frames
from reports.sections import SECTIONS

FRAMES_FOLDER: Final = "report"
"""Where the frames lie, beside the page."""
_SENT: Final = [
    "run",
    "candidate",
    "kind",
    "architecture",
    "parameters",
    "macs",
    "latency_ms",
    "latency_low_ms",
    "latency_high_ms",
    "latency_p95_ms",
    "device",
    "verdict",
    "accuracy",
    "accuracy_low",
    "accuracy_high",
    "split",
    "state",
    "cause",
    "is_front",
]
"""Columns of the candidates that the page's script needs."""
_MAX_TEXT: Final = 2_000


def build_report(
    runs: Sequence[Path],
    out: Path | None = None,
    baseline: str | None = None,
    *,
    pictures: Sequence[str] = (),
    refresh_seconds: int | None = None,
) -> Path:
    """Write `report.html` for run folders, and their frames and findings to `report/`.

    The same folders give the same bytes.

    Args:
        runs: Run folders.
        out: Folder of the report; by default the run's own for one run, and the present one for several.
        baseline: The run, or `RUN/RANK`, that winners are compared with.
        pictures: Formats that every plot is written in as well, to `report/pictures/`: svg, png.
        refresh_seconds: How often an open page loads itself again while a run is going; never if None.

    Returns:
        The path of the page.

    Raises:
        RunFolderError: If a path is no run folder, or the report cannot be written.
        UnknownNameError: If `baseline` names no run.
        ConfigError: If a picture cannot be written in that format.
    """
    loaded = load_runs(runs)
    content = gather(loaded, frames_of(loaded, baseline=baseline))
    folder = out or (Path(runs[0]) if len(loaded) == 1 else Path())
    save_frames(content.frames, folder / FRAMES_FOLDER)
    write_text(folder / FRAMES_FOLDER / "findings.md", f"# Findings\n\n{findings(content.frames)}")
    if pictures:
        save_pictures(content, folder / FRAMES_FOLDER / "pictures", suffixes=pictures)
    page = folder / "report.html"
    is_going = any(run.record.status == "running" for run in loaded)
    write_text(page, render(content, refresh_seconds=refresh_seconds if is_going else None))
    return page


def render(content: Content, *, refresh_seconds: int | None = None) -> str:
    """Return the page as text; it loads itself again every `refresh_seconds`, where given."""
    templates = Environment(
        loader=PackageLoader("reports", "page"), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    sections = []
    for name, section in SECTIONS.items():
        filled = section.fill(content)
        if filled is not None:
            body = templates.get_template(f"{name}.html.j2").render(filled)
            sections.append({"name": name, "link": section.link, "body": Markup(body)})
    style, script = _style(), _source("script.js")
    return templates.get_template("page.html.j2").render(
        title=f"millinet report: {', '.join(content.names)}"[:200],
        policy=_policy(style, script),
        style=style,
        script=script,
        data=_data(content.rows),
        sections=sections,
        refresh_seconds=refresh_seconds,
    )


def _source(name: str) -> str:
    return (Path(__file__).parent / "page" / name).read_text(encoding="utf-8")


def _style() -> str:
    light, dark = css_variables(LIGHT) + "--is-dark:0;", css_variables(DARK) + "--is-dark:1;"
    themes = (
        f":root{{{light}}}"
        f"@media screen and (prefers-color-scheme:dark){{:root:not([data-theme=light]){{{dark}}}}}"
        f"@media screen{{:root[data-theme=dark]{{{dark}color-scheme:dark}}"
        ":root[data-theme=light]{color-scheme:light}}"
    )
    return f"{themes}{css_tones()}\n{_source('style.css')}"


def _policy(style: str, script: str) -> str:
    """Allow this page's own style and script by their hashes, and nothing else."""
    return (
        f"default-src 'none'; style-src '{_hash(style)}'; script-src '{_hash(script)}'; "
        "base-uri 'none'; form-action 'none'"
    )


def _hash(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _data(rows: pd.DataFrame) -> str:
    """Return the candidates as JSON that cannot end the script element it stands in."""
    listed = [[_plain(value) for value in row] for row in rows[_SENT].itertuples(index=False)]
    text = json.dumps({"columns": _SENT, "rows": listed}, separators=(",", ":"), ensure_ascii=True)
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _plain(value: Any) -> Any:
    if pd.isna(value):
        return None
    if isinstance(value, str):
        return value[:_MAX_TEXT]
    if isinstance(value, float) and math.isfinite(value):
        return float(f"{value:.6g}")
    return value.item() if hasattr(value, "item") else value
