"""Image files of a large set, read when they are needed, after every one has been looked at once."""

import hashlib
import json
import os
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

import torch
from torch import Tensor

from millinet.data.cache import cache_folder, state_of
from millinet.data.each import each, pillow_quiet
from millinet.data.images import read_image
from millinet.data.paths import readable
from millinet.errors import DataError, RunFolderError
from millinet.files import write_text

SCAN_FORMAT: Final = "millinet.scan/1"


class ImageFiles:
    """Files that are known to be readable; see `LazyImages`."""

    def __init__(
        self, paths: Sequence[Path], shape: tuple[int, int, int], moments: Tensor, *, fingerprint: str
    ) -> None:
        self.paths = list(paths)
        self.shape = shape
        self.moments = moments
        """Mean and mean square of each channel of each image, in fractions of 255, (images, 2, channels)."""
        self.fingerprint = fingerprint
        """Hash of the names and sizes of the files."""

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: int) -> Tensor:
        """Read one image, uint8 of shape (channels, height, width).

        Raises:
            DataError: If the file can no longer be read.
        """
        channels, height, width = self.shape
        try:
            with pillow_quiet():
                return read_image(self.paths[index], channels=channels, resolution=(height, width))
        except DataError as error:
            name = readable(self.paths[index])
            raise DataError(f"{name} was readable before and is not now: {error}") from error

    def take(self, indices: Sequence[int]) -> "ImageFiles":
        """Return the files at `indices`."""
        chosen = [self.paths[index] for index in indices]
        return ImageFiles(chosen, self.shape, self.moments[list(indices)], fingerprint=self.fingerprint)


def scan(paths: Sequence[Path], shape: tuple[int, int, int]) -> tuple[ImageFiles, dict[int, str]]:
    """Look at every file once, or remember the last look if no file has changed since.

    Args:
        paths: Image files.
        shape: (channels, height, width) they are brought to.

    Returns:
        The readable files, and by index in `paths` why the others are not.
    """
    store = cache_folder("scans") / f"{state_of(paths, shape)}.json"
    found = _remembered(store, shape)
    if found is None:
        found = _looked_at(paths, shape)
        told = {"format": SCAN_FORMAT, "moments": found[0].tolist(), "reasons": found[1]}
        # Where nothing can be remembered, the next start looks again.
        with suppress(RunFolderError):
            write_text(store, json.dumps(told))
    moments, reasons = found
    bad = {int(index): reason for index, reason in reasons.items()}
    kept = [path for index, path in enumerate(paths) if index not in bad]
    sizes = "\n".join(f"{os.fsencode(path.name)!r} {path.stat().st_size}" for path in kept)
    fingerprint = hashlib.sha256(sizes.encode()).hexdigest()
    return ImageFiles(kept, shape, moments, fingerprint=fingerprint), bad


def _looked_at(paths: Sequence[Path], shape: tuple[int, int, int]) -> tuple[Tensor, dict[str, str]]:
    channels, height, width = shape

    def measure(path: Path) -> Tensor:
        pixels = read_image(path, channels=channels, resolution=(height, width)).double().flatten(1) / 255.0
        return torch.stack([pixels.mean(1), pixels.square().mean(1)])

    measured = each(measure, paths)
    moments = [value for value in measured if isinstance(value, Tensor)]
    reasons = {str(index): str(why) for index, why in enumerate(measured) if isinstance(why, DataError)}
    return torch.stack(moments) if moments else torch.empty(0, 2, channels, dtype=torch.float64), reasons


def _remembered(store: Path, shape: tuple[int, int, int]) -> tuple[Tensor, dict[str, str]] | None:
    try:
        content = json.loads(store.read_text(encoding="utf-8"))
        moments = torch.tensor(content["moments"], dtype=torch.float64).reshape(-1, 2, shape[0])
        return (moments, content["reasons"]) if content["format"] == SCAN_FORMAT else None
    except (OSError, ValueError, KeyError, TypeError):
        return None  # nothing remembered, or nothing that can be used: look again
