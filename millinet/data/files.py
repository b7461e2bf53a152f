"""Read a list of labelled image files, find their common shape, and list what cannot be read."""

import warnings
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from statistics import median_low
from typing import Final, NamedTuple, TypeVar

import torch
from PIL import Image
from torch import Tensor

from millinet.data.collection import Collection, Part
from millinet.data.images import Header, read_header, read_image
from millinet.data.invariances import Invariances
from millinet.data.spec import DataOptions
from millinet.errors import DataError

T = TypeVar("T")

LARGEST_DEFAULT_SIDE: Final = 224
"""Images that differ in size, or are larger, are brought to at most this side unless asked otherwise."""
SIDE_STEP: Final = 32
"""Such a side is a multiple of this, so that five halvings divide it."""


class LabelledFile(NamedTuple):
    """An image file and what it shows."""

    path: Path
    key: str
    """Name relative to the set, readable; the split goes by it."""
    label: int
    part: Part | None
    """The split it belongs to, where the set says so."""


def read_files(
    files: Sequence[LabelledFile],
    *,
    class_names: tuple[str, ...],
    options: DataOptions,
    invariances: Invariances,
    origin: str,
) -> Collection:
    """Read labelled files at one shape; unreadable ones are listed and left out.

    Args:
        files: What to read.
        class_names: Name of each class.
        options: Size, channels and mirroring asked for.
        invariances: What keeps a label, unless the options say otherwise.
        origin: Where the files come from, for messages.

    Raises:
        DataError: If no file can be read.
    """
    headers = _each(read_header, [file.path for file in files])
    sound = [
        (file, header) for file, header in zip(files, headers, strict=True) if isinstance(header, Header)
    ]
    if not sound:
        raise DataError(
            f"no readable image in {origin} ({len(files)} files tried); see docs/data.md for the formats"
        )
    resolution = _resolution([header for _, header in sound], options.size)
    channels = options.channels or (1 if all(header.is_grey for _, header in sound) else 3)
    if channels not in (1, 3):
        raise DataError(
            f"image files have 1 or 3 channels, got channels={channels}; use pkg.module:factory for others"
        )

    def read(path: Path) -> Tensor:
        return read_image(path, channels=channels, resolution=resolution)

    pixels = _each(read, [file.path for file, _ in sound])
    kept = [
        (file, image) for (file, _), image in zip(sound, pixels, strict=True) if isinstance(image, Tensor)
    ]
    if not kept:
        raise DataError(
            f"no readable image in {origin} ({len(files)} files tried); see docs/data.md for the formats"
        )
    failures = [
        (file, reason) for file, reason in zip(files, headers, strict=True) if isinstance(reason, DataError)
    ]
    failures += [
        (file, reason)
        for (file, _), reason in zip(sound, pixels, strict=True)
        if isinstance(reason, DataError)
    ]
    parts: dict[Part, list[int]] = {}
    for index, (file, _) in enumerate(kept):
        if file.part is not None:
            parts.setdefault(file.part, []).append(index)
    return Collection(
        images=torch.stack([image for _, image in kept]),
        labels=torch.tensor([file.label for file, _ in kept], dtype=torch.int64),
        class_names=class_names,
        keys=tuple(file.key for file, _ in kept),
        parts=parts,
        invariances=invariances,
        skipped=tuple(f"{file.key}: {reason}" for file, reason in failures),
        notes=_notes([header for _, header in sound], resolution),
    )


def _each(read: Callable[[Path], T], paths: Sequence[Path]) -> list[T | DataError]:
    def attempt(path: Path) -> T | DataError:
        try:
            return read(path)
        except DataError as error:
            return error

    with warnings.catch_warnings(), ThreadPoolExecutor() as pool:
        # Large images are read at a reduced size, and Pillow refuses truly absurd ones by an error.
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        # Pillow warns of odd metadata and palettes in files that it reads well all the same.
        warnings.simplefilter("ignore", UserWarning)
        return list(pool.map(attempt, paths))


def _resolution(headers: Sequence[Header], side: int | None) -> tuple[int, int]:
    if side is not None:
        return side, side
    sizes = {(header.height, header.width) for header in headers}
    if len(sizes) == 1 and max(next(iter(sizes))) <= LARGEST_DEFAULT_SIDE:
        return next(iter(sizes))
    shorter = median_low(min(header.height, header.width) for header in headers)
    usual = max(SIDE_STEP, min(LARGEST_DEFAULT_SIDE, shorter // SIDE_STEP * SIDE_STEP))
    return usual, usual


def _notes(headers: Sequence[Header], resolution: tuple[int, int]) -> tuple[str, ...]:
    notes = []
    sizes = Counter((header.height, header.width) for header in headers)
    if set(sizes) != {resolution}:
        height, width = resolution
        notes.append(f"{len(sizes)} image sizes brought to {height}x{width} (set another with ,size=N)")
    animated = sum(header.num_frames > 1 for header in headers)
    if animated:
        notes.append(f"{animated} files hold several pictures; the first of each is used")
    return tuple(notes)
