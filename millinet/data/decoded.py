"""Keep the decoded pixels of many image files, so that only the first start pays for decoding them.

Every command that names a folder reads it: a search, each worker of it, the pruning that follows. The 60,000
JPEGs of CIFAR-10 take 21 s of processor time at the first start and 1.7 s at the second (AMD EPYC, one core).
"""

import json
from pathlib import Path
from typing import Final, NamedTuple

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from millinet.data.collection import Images
from millinet.errors import RunFolderError
from millinet.files import replacing

FORMAT: Final = "millinet.decoded/1"
FEWEST: Final = 2_000
"""Sets of fewer files are decoded in a second or two, and not kept."""
LARGEST_MIB: Final = 1024
"""Larger sets are decoded at every start; four of them would fill a small disk."""
MOST_SETS: Final = 4
"""Sets kept; the one unused for longest goes first."""


class Reading(NamedTuple):
    """What reading a list of image files came to."""

    images: Images
    """Those that can be read."""
    kept: list[int]
    """Their places in the list."""
    skipped: list[str]
    """Why the others are left out, one line each."""
    notes: list[str]
    """What the user should know."""


def recall(store: Path) -> Reading | None:
    """Read back what `keep` wrote, or None where nothing usable is there."""
    try:
        with safe_open(store, framework="pt") as content:
            told = json.loads((content.metadata() or {})["reading"])
            images = content.get_tensor("images")
        store.touch()  # so that what is in use is not what goes first
    except (OSError, SafetensorError, KeyError, ValueError):
        return None
    return Reading(images, told["kept"], told["skipped"], told["notes"]) if told["format"] == FORMAT else None


def keep(store: Path, reading: Reading) -> Reading:
    """Write a reading for the next start, where it is worth it; a note is added where that fails."""
    images = reading.images
    if not isinstance(images, Tensor) or len(images) < FEWEST or images.nbytes > LARGEST_MIB * 2**20:
        return reading
    told = {"format": FORMAT, **{name: getattr(reading, name) for name in ("kept", "skipped", "notes")}}
    try:
        with replacing(store) as partial:
            save_file({"images": images}, partial, metadata={"reading": json.dumps(told)})
        _forget_the_oldest(store.parent)
    except RunFolderError as error:
        return reading._replace(notes=[*reading.notes, f"every start decodes the images anew: {error}"])
    return reading


def _forget_the_oldest(folder: Path) -> None:
    stores = sorted(folder.glob("*.safetensors"), key=lambda path: path.stat().st_mtime_ns, reverse=True)
    for store in stores[MOST_SETS:]:
        store.unlink(missing_ok=True)
