"""Compare run folders: frames, and one page that opens anywhere."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from reports.html import build_report


def report(
    runs: Annotated[list[Path], typer.Argument(metavar="RUN...", help="Run folders to show together.")],
    *,
    baseline: Annotated[
        str | None, typer.Option(help="Run, or RUN/RANK, that the winners are compared with.")
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(help="Folder of the report; by default the run's own, or here for several."),
    ] = None,
) -> Path:
    """Write report.html for one or more run folders, and its frames beside it in report/.

    A run that is still going, was interrupted or is damaged is shown as far as it can be read.
    """
    page = build_report(runs, out, baseline)
    Console().print(f"report: {page}", highlight=False, soft_wrap=True, markup=False)
    return page
