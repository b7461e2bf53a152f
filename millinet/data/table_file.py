"""A table of image files: `csv:FILE` with the columns path, label and perhaps split.

Paths are relative to the table's folder. Labels are names; classes are numbered in their order, by value
where all are integers. A split is train, val (valid, validation) or test; empty means "divide it up". A row
that stands there twice counts once.
"""

import os
from pathlib import Path

import pandas as pd

from millinet.data.collection import Collection
from millinet.data.files import LabelledFile, read_files
from millinet.data.folder import PART_FOLDERS
from millinet.data.invariances import PHOTOGRAPHS
from millinet.data.paths import readable
from millinet.data.spec import DataSpec
from millinet.errors import DataError


def read_csv(spec: DataSpec) -> Collection:
    """Read the images a table lists; unreadable ones are listed and left out.

    Raises:
        DataError: If the file is no such table, a row has no label, or a split has an unknown name.
    """
    path = Path(spec.argument).expanduser()
    table = _table(path)
    class_names = _class_names(table["label"])
    unknown = sorted(set(table["split"]) - {"", *PART_FOLDERS})
    if unknown:
        raise DataError(f"a split is one of {', '.join(PART_FOLDERS)} or empty, got {unknown[0]!r} in {path}")
    index_of = {name: index for index, name in enumerate(class_names)}
    rows = zip(*(table[column].astype(str) for column in ("path", "label", "split")), strict=True)
    files = [
        LabelledFile(path.parent / name, name, index_of[label], PART_FOLDERS.get(split))
        for name, label, split in rows
    ]
    return read_files(
        files, class_names=class_names, options=spec.options, invariances=PHOTOGRAPHS, origin=readable(path)
    )


def _table(path: Path) -> pd.DataFrame:
    if not path.is_file():
        raise DataError(f"csv: takes an existing file, got {readable(path)!r}; see docs/data.md")
    try:
        table = pd.read_csv(path, dtype=str, keep_default_na=False, skipinitialspace=True)
    except (ValueError, pd.errors.ParserError, pd.errors.EmptyDataError) as error:
        raise DataError(f"{readable(path)} is no CSV table in UTF-8: {error}") from error
    if not isinstance(table.index, pd.RangeIndex):  # pandas takes what is too much for row names
        raise DataError(
            f"{readable(path)} has {table.columns.size} columns in its first line and more below; name them "
            f"all, or quote paths that hold a comma"
        )
    table.columns = [str(name).strip().lower() for name in table.columns]
    missing = {"path", "label"} - set(table.columns)
    if missing:
        raise DataError(
            f"{readable(path)} needs the columns path and label in its first line, got "
            f"{', '.join(table.columns)}"
        )
    if "split" not in table:
        table["split"] = ""
    table["label"], table["split"] = table["label"].str.strip(), table["split"].str.strip().str.lower()
    unlabelled = table.index[table["label"] == ""]
    if len(unlabelled):
        raise DataError(
            f"every row needs a label, line {unlabelled[0] + 2} of {readable(path)} has none "
            f"({len(unlabelled)} such); fill it in or delete the row"
        )
    return _once(table, path)


def _once(table: pd.DataFrame, path: Path) -> pd.DataFrame:
    """Keep one of several equal rows; a path with two labels or two splits is a mistake."""
    # However a path is spelled: an image that is there twice would be learnt and then tested on.
    table = table.assign(file=[os.path.normpath(path.parent / name) for name in table["path"]])
    distinct = table.drop_duplicates(subset=["file", "label", "split"])
    again = distinct.index[distinct["file"].duplicated()]
    if len(again):
        second = distinct.loc[again[0]]
        first = distinct[distinct["file"] == second["file"]].iloc[0]
        raise DataError(
            f"an image has one label and one split, {second['path']!r} is {_row(first)} in line "
            f"{first.name + 2} of {readable(path)} and {_row(second)} in line {again[0] + 2} "
            f"({len(again)} such); keep one of them"
        )
    return distinct


def _row(row: "pd.Series[str]") -> str:
    return f"{row['label']!r}" + (f" in {row['split']}" if row["split"] else "")


def _class_names(labels: "pd.Series[str]") -> tuple[str, ...]:
    names = set(labels)
    if all(name.lstrip("-").isdigit() for name in names):
        return tuple(sorted(names, key=int))
    return tuple(sorted(names))
