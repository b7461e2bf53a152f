"""Every plot of a report as a file of its own, for a paper or a slide; no browser takes part."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

from millinet.errors import ConfigError
from millinet.files import write_bytes
from reports.candidates import by_setting, name_of
from reports.choices import notable, ranked
from reports.content import Content
from reports.drawing import Figure, standalone_svg
from reports.plots import (
    HALF,
    WIDE,
    architecture_plot,
    front_legend,
    front_plot,
    importance_plot,
    options_plot,
    progress_legend,
    progress_plot,
    progress_plots,
    read_parts,
    training_legend,
    training_plot,
    with_legend,
)


def save_pictures(content: Content, folder: Path, *, suffixes: Sequence[str]) -> list[Path]:
    """Write each plot to `folder`, in every format asked for.

    Args:
        content: What the report is made of.
        folder: Where the pictures go; they are named after the plot and the run.
        suffixes: Names in `FORMATS`.

    Raises:
        ConfigError: If PNG is asked for and Pillow is not installed.
        RunFolderError: If the folder cannot be written.
    """
    written = []
    for name, figure in figures(content):
        for suffix in suffixes:
            path = folder / f"{name}.{suffix}"
            write_bytes(path, FORMATS[suffix](figure))
            written.append(path)
    return written


def figures(content: Content) -> Iterator[tuple[str, Figure]]:
    """Yield every plot with a name that is fit for a file and unlike any other."""
    taken: set[str] = set()
    for wanted, figure in _all(content):
        plain = re.sub(r"[^a-z0-9]+", "-", wanted.lower()).strip("-")[:80]
        name, number = plain, 2
        while name in taken:
            name, number = f"{plain}-{number}", number + 1
        taken.add(name)
        yield name, figure


def _all(content: Content) -> Iterator[tuple[str, Figure]]:
    names = content.names
    for setting, group in by_setting(content.rows.dropna(subset=["latency_ms"]), names):
        yield (
            f"front {' '.join(map(str, setting[:3]))}",
            with_legend(front_plot(group, WIDE, runs=names), front_legend(group, runs=names)),
        )
    for run in content.runs:
        for entry in run.winners:
            parts = read_parts(entry.architecture or {}, entry.layers)
            if parts:
                title = f"{run.name}, {name_of(entry)}"
                yield f"architecture {title}", architecture_plot(parts, WIDE, title=title)
    search = content.frames["search"]
    for plot in progress_plots(search):
        keys = progress_legend(search, runs=names)
        yield f"search {plot}", with_legend(progress_plot(search, plot, runs=names), keys)
    yield from _choices(content)
    history = content.frames["history"]
    for (owner, phase), group in history[history["phase"] != "search"].groupby(["run", "phase"], sort=False):
        yield (
            f"training {owner} {phase}",
            with_legend(training_plot(group, title=f"{owner}, {phase}"), training_legend(group)),
        )


def _choices(content: Content) -> Iterator[tuple[str, Figure]]:
    for run, group in content.frames["choices"].groupby("run", sort=False):
        for target, rows in group.groupby("target", sort=False):
            if len(ranked(rows, str(target))):
                yield f"importance {target} {run}", importance_plot(rows, HALF, target=str(target))
            for choice in notable(rows):
                one = rows[rows["choice"] == choice]
                yield f"choice {choice} {target} {run}", options_plot(one, HALF)


def _png(figure: Figure) -> bytes:
    try:
        from reports.drawing.png import png_bytes
    except ImportError as error:
        raise ConfigError(
            "--png needs Pillow, which is not installed; `pip install pillow`, or use --svg"
        ) from error
    return png_bytes(figure)


FORMATS: Final[Mapping[str, Callable[[Figure], bytes]]] = {
    "svg": lambda figure: standalone_svg(figure).encode(),
    "png": _png,
}
"""What pictures can be written as."""
