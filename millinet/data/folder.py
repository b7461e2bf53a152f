"""A folder of images, one subfolder a class: `folder:PATH`.

Either PATH holds the classes, or it holds `train`, and perhaps `val` (`valid`, `validation`) and `test`,
which hold them. What is missing is split off, stratified. A subfolder's images may lie deeper inside it.
"""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from millinet.data.collection import Collection, Part
from millinet.data.files import LabelledFile, read_files
from millinet.data.images import SUFFIXES
from millinet.data.invariances import PHOTOGRAPHS
from millinet.data.paths import readable
from millinet.data.spec import DataSpec
from millinet.errors import DataError

PART_FOLDERS: Final[dict[str, Part]] = {
    "train": "train",
    "val": "validation",
    "valid": "validation",
    "validation": "validation",
    "test": "test",
}
"""What the subfolders of a set that comes split are called."""


def read_folder(spec: DataSpec) -> Collection:
    """Read a folder of images; unreadable ones are listed and left out.

    Raises:
        DataError: If there is no such folder, no image in it, or fewer than two classes.
    """
    root = Path(spec.argument).expanduser()
    if not spec.argument or not root.is_dir():
        raise DataError(
            f"folder: takes an existing folder, got {readable(spec.argument)!r}; see docs/data.md"
        )
    parts = _part_folders(root)
    roots = parts or {root: None}
    class_names = sorted({name.name for folder in roots for name in _subfolders(folder)}, key=os.fsencode)
    files = [
        LabelledFile(path, readable(path.relative_to(root)), class_names.index(folder.name), part)
        for top, part in roots.items()
        for folder in _subfolders(top)
        for path in _images_below(folder)
    ]
    if len(class_names) < 2:
        raise DataError(
            f"{readable(root)} has {len(class_names)} class folders, a classifier needs at least 2; "
            f"put the images of each class into a subfolder of their own"
        )
    return read_files(
        files,
        class_names=tuple(readable(name) for name in class_names),
        options=spec.options,
        invariances=PHOTOGRAPHS,
        origin=readable(root),
    )


def _part_folders(root: Path) -> dict[Path, Part | None]:
    folders = {folder: PART_FOLDERS.get(folder.name) for folder in _subfolders(root)}
    if "train" not in folders.values():
        return {}
    return {folder: part for folder, part in folders.items() if part is not None}


def _subfolders(folder: Path) -> list[Path]:
    found = [entry for entry in folder.iterdir() if entry.is_dir() and not entry.name.startswith(".")]
    return sorted(found, key=os.fsencode)


def _images_below(folder: Path) -> Iterator[Path]:
    for top, subfolders, names in os.walk(folder):
        subfolders[:] = sorted((name for name in subfolders if not name.startswith(".")), key=os.fsencode)
        for name in sorted(names, key=os.fsencode):
            if Path(name).suffix.lower() in SUFFIXES and not name.startswith("."):
                yield Path(top, name)
