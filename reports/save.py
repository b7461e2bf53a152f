"""Write the frames of a report: CSV for the next program, Markdown for a page, Parquet where it can be."""

from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

import pandas as pd

from millinet.files import replacing, write_text

MAX_MARKDOWN_ROWS: Final = 200
"""Rows of a frame that are written as Markdown, which nobody reads by the thousand; CSV has all."""


def save_frames(frames: Mapping[str, pd.DataFrame], folder: Path) -> list[Path]:
    """Write every frame to `folder` and return the files.

    Raises:
        RunFolderError: If the folder cannot be written.
    """
    written = []
    for name, frame in frames.items():
        path = folder / f"{name}.csv"
        with replacing(path) as partial:
            frame.to_csv(partial, index=False)
        write_text(folder / f"{name}.md", markdown(frame, title=name))
        written += [path, folder / f"{name}.md"]
        if find_spec("pyarrow") is not None:
            with replacing(folder / f"{name}.parquet") as partial:
                frame.to_parquet(partial, index=False)
            written.append(folder / f"{name}.parquet")
    return written


def markdown(frame: pd.DataFrame, *, title: str) -> str:
    """Write a frame as a Markdown table: numbers to five significant digits, empty columns left out."""
    shown = frame.head(MAX_MARKDOWN_ROWS).dropna(axis="columns", how="all")
    columns = [str(column) for column in shown.columns]
    lines = [f"# {title}", "", f"{len(frame):,} rows"]
    if len(frame) > len(shown):
        lines[-1] += f", the first {len(shown):,} of them here and all in {title}.csv"
    if columns:
        ruler = ["---:" if pd.api.types.is_numeric_dtype(shown[column]) else "---" for column in columns]
        lines += ["", line(columns), line(ruler)]
        lines += [line([cell(value) for value in row]) for row in shown.itertuples(index=False)]
    return "\n".join(lines) + "\n"


def line(cells: list[str]) -> str:
    """Write cells as a row of a Markdown table."""
    return f"| {' | '.join(cells)} |"


def cell(value: Any) -> str:
    """Write a value so that it stays in its cell, numbers to five significant digits."""
    if pd.isna(value):
        return ""
    if isinstance(value, float):
        return f"{value:.5g}"
    # A pipe would end the cell, a line break the row, and an angle bracket may be taken for HTML.
    text = " ".join(str(value).split())[:300]
    return text.replace("\\", "\\\\").replace("|", "\\|").replace("<", "&lt;")
