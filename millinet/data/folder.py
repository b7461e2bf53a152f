"""A folder of images, one subfolder a class: `folder:PATH`.

Either PATH holds the classes, or it holds `train`, and perhaps `val` (`valid`, `validation`) and `test`,
which hold them. What is missing is split off, stratified. A subfolder's images may lie deeper inside it.
Files and folders that are not taken are told.
"""

import os
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
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
    "training": "train",
    "val": "validation",
    "valid": "validation",
    "validation": "validation",
    "test": "test",
    "testing": "test",
}
"""What the subfolders of a set that comes split are called, in lower case."""


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
    if len(class_names) < 2:
        raise DataError(
            f"{readable(root)} has {len(class_names)} class folders, a classifier needs at least 2; "
            f"put the images of each class into a subfolder of their own"
        )
    files, foreign = _files_in(root, roots, class_names)
    found = read_files(
        files,
        class_names=tuple(readable(name) for name in class_names),
        options=spec.options,
        invariances=PHOTOGRAPHS,
        origin=readable(root),
    )
    unknown = [folder for folder in _subfolders(root) if parts and folder not in parts]
    return replace(found, notes=(*found.notes, *_left_out(foreign, unknown)))


def _files_in(
    root: Path, roots: Mapping[Path, Part | None], class_names: Sequence[str]
) -> tuple[list[LabelledFile], list[Path]]:
    """List the images of all classes, and the files that are none or belong to no class."""
    label_of = {name: label for label, name in enumerate(class_names)}
    files, foreign = [], []
    for top, part in roots.items():
        foreign += [path for path in top.iterdir() if path.is_file() and not path.name.startswith(".")]
        for folder in _subfolders(top):
            for path in _files_below(folder):
                if path.suffix.lower() in SUFFIXES:
                    key = readable(path.relative_to(root))
                    files.append(LabelledFile(path, key, label_of[folder.name], part))
                else:
                    foreign.append(path)
    return files, foreign


def _left_out(foreign: Sequence[Path], unknown: Sequence[Path]) -> list[str]:
    """Tell what nobody looks at, so that nothing is lost unseen."""
    notes = []
    if foreign:
        kinds = Counter(readable(path.suffix.lower()) or "without ending" for path in foreign)
        told = ", ".join(f"{count} {kind}" for kind, count in kinds.most_common(3))
        notes.append(f"{len(foreign)} files are no images, or in no class folder, and left out ({told})")
    if unknown:
        names = ", ".join(readable(folder.name) for folder in unknown[:5])
        notes.append(f"{len(unknown)} folders beside train are left out ({names})")
    return notes


def _part_folders(root: Path) -> dict[Path, Part | None]:
    folders = {folder: PART_FOLDERS.get(folder.name.lower()) for folder in _subfolders(root)}
    if "train" not in folders.values():
        return {}
    return {folder: part for folder, part in folders.items() if part is not None}


def _subfolders(folder: Path) -> list[Path]:
    found = [entry for entry in folder.iterdir() if entry.is_dir() and not entry.name.startswith(".")]
    return sorted(found, key=os.fsencode)


def _files_below(folder: Path) -> Iterator[Path]:
    for top, subfolders, names in os.walk(folder):
        subfolders[:] = sorted((name for name in subfolders if not name.startswith(".")), key=os.fsencode)
        for name in sorted(names, key=os.fsencode):
            if not name.startswith("."):
                yield Path(top, name)
