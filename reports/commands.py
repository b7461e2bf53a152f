"""Compare run folders: frames, and one page for people."""

from pathlib import Path
from typing import Annotated, Final

import typer

from millinet.console import Console
from reports.html import build_report
from reports.watch import watch as watch_runs

_REFRESH_SECONDS: Final = 5


def report(
    runs: Annotated[list[Path], typer.Argument(metavar="RUN...", help="Run folders to show together.")],
    *,
    baseline: Annotated[
        str | None, typer.Option(help="Run, or RUN/RANK, that the winners are compared with.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Folder of the report; by default the run's own, or here for several.")
    ] = None,
    png: Annotated[
        bool, typer.Option("--png", help="Write each plot as PNG too, to report/pictures/.")
    ] = False,
    svg: Annotated[bool, typer.Option("--svg", help="Write each plot as SVG too.")] = False,
    watch: Annotated[
        bool, typer.Option("--watch", help="Keep the page current until no run is going any more.")
    ] = False,
) -> Path:
    """Write report.html for one or more run folders, and its frames beside it in report/.

    A run that is still going, was interrupted or is damaged is shown as far as it can be read.
    """
    formats = [name for name, is_wanted in (("png", png), ("svg", svg)) if is_wanted]
    console = Console()

    def build(refresh_seconds: int | None = None) -> Path:
        page = build_report(runs, out, baseline, pictures=formats, refresh_seconds=refresh_seconds)
        console.print(f"report: {page}")
        return page

    if watch:
        watch_runs(runs, lambda: build(_REFRESH_SECONDS))
    return build()
