"""Read a list of labelled image files, find their common shape, and list what cannot be read."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from statistics import median_low
from typing import Final, NamedTuple

import torch
from torch import Tensor

from millinet.data.cache import cache_folder, state_of
from millinet.data.collection import Collection, Images, Part
from millinet.data.decoded import Reading, keep, recall
from millinet.data.each import each
from millinet.data.image_files import ImageFiles, scan
from millinet.data.images import Header, read_header, read_image
from millinet.data.invariances import Invariances
from millinet.data.memory import fits_in_memory
from millinet.data.spec import DataOptions
from millinet.errors import DataError

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

    Small sets are held in memory, and their pixels kept for the next start where the files are many. Of large
    ones every file is still looked at once, so that a broken one is known before training and not in its
    midst; what was found is remembered for the next time.

    Args:
        files: What to read.
        class_names: Name of each class.
        options: Size, channels and memory asked for.
        invariances: What keeps a label, unless the options say otherwise.
        origin: Where the files come from, for messages.

    Raises:
        DataError: If no file can be read.
    """
    state = state_of([file.path for file in files], options.size, options.channels, options.memory)
    store = cache_folder("images") / f"{state}.safetensors"
    reading = recall(store) or keep(store, _read(files, options, origin))
    kept = [files[index] for index in reading.kept]
    _check_any(kept, num_tried=len(files), origin=origin, skipped=reading.skipped)
    return Collection(
        images=reading.images,
        labels=torch.tensor([file.label for file in kept], dtype=torch.int64),
        class_names=class_names,
        keys=tuple(file.key for file in kept),
        parts=_parts(kept),
        invariances=invariances,
        fingerprint=reading.images.fingerprint if isinstance(reading.images, ImageFiles) else "",
        skipped=tuple(reading.skipped),
        notes=tuple(reading.notes),
    )


def _read(files: Sequence[LabelledFile], options: DataOptions, origin: str) -> Reading:
    """Look at every header, agree on a shape, and read the pixels."""
    found = each(read_header, [file.path for file in files])
    headers = {index: header for index, header in enumerate(found) if isinstance(header, Header)}
    skipped = [f"{files[index].key}: {why}" for index, why in enumerate(found) if isinstance(why, DataError)]
    _check_any(list(headers), num_tried=len(files), origin=origin, skipped=skipped)
    shape = _shape(list(headers.values()), options)
    places = list(headers)
    images, reasons, note = _pixels([files[place].path for place in places], shape, options)
    skipped += [f"{files[places[index]].key}: {reason}" for index, reason in reasons.items()]
    kept = [place for index, place in enumerate(places) if index not in reasons]
    return Reading(images, kept, skipped, [*_header_notes(list(headers.values()), shape[1:]), note])


def _pixels(
    paths: Sequence[Path], shape: tuple[int, int, int], options: DataOptions
) -> tuple[Images, dict[int, str], str]:
    """Return the images, why some are missing, and where they are held."""
    channels, height, width = shape
    num_bytes = len(paths) * channels * height * width
    amount = f"{len(paths)} images of {channels}x{height}x{width} ({num_bytes / 2**20:.1f} MiB)"
    if not fits_in_memory(num_bytes, limit_mib=options.memory):
        files, reasons = scan(paths, shape)
        return files, reasons, f"{amount} are read from disk when needed (hold more with ,memory=MIB)"

    def read(path: Path) -> Tensor:
        return read_image(path, channels=channels, resolution=(height, width))

    read_all = each(read, paths)
    reasons = {index: str(why) for index, why in enumerate(read_all) if isinstance(why, DataError)}
    held = [image for image in read_all if isinstance(image, Tensor)]
    images = torch.stack(held) if held else torch.empty(0, *shape, dtype=torch.uint8)
    return images, reasons, f"{amount} are held in memory"


def _check_any(found: Sequence[object], *, num_tried: int, origin: str, skipped: Sequence[str]) -> None:
    if not found:
        first = f"; the first, {skipped[0]}" if skipped else ""
        raise DataError(
            f"no readable image in {origin} ({num_tried} files tried{first}); docs/data.md lists the formats"
        )


def _parts(files: Sequence[LabelledFile]) -> dict[Part, list[int]]:
    parts: dict[Part, list[int]] = {}
    for index, file in enumerate(files):
        if file.part is not None:
            parts.setdefault(file.part, []).append(index)
    return parts


def _shape(headers: Sequence[Header], options: DataOptions) -> tuple[int, int, int]:
    channels = options.channels or (1 if all(header.is_grey for header in headers) else 3)
    if channels not in (1, 3):
        raise DataError(
            f"image files have 1 or 3 channels, got channels={channels}; use pkg.module:factory for others"
        )
    return channels, *_resolution(headers, options.size)


def _resolution(headers: Sequence[Header], side: int | None) -> tuple[int, int]:
    if side is not None:
        return side, side
    sizes = {(header.height, header.width) for header in headers}
    if len(sizes) == 1 and max(next(iter(sizes))) <= LARGEST_DEFAULT_SIDE:
        return next(iter(sizes))
    shorter = median_low(min(header.height, header.width) for header in headers)
    usual = max(SIDE_STEP, min(LARGEST_DEFAULT_SIDE, shorter // SIDE_STEP * SIDE_STEP))
    return usual, usual


def _header_notes(headers: Sequence[Header], resolution: tuple[int, int]) -> list[str]:
    notes = []
    sizes = Counter((header.height, header.width) for header in headers)
    if set(sizes) != {resolution}:
        height, width = resolution
        notes.append(f"{len(sizes)} image sizes brought to {height}x{width} (set another with ,size=N)")
    animated = sum(header.num_frames > 1 for header in headers)
    if animated:
        notes.append(f"{animated} files hold several pictures; the first of each is used")
    return notes
