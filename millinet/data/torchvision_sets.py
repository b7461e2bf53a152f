"""torchvision's small sets by name: `cifar10`, `cifar100`, `mnist`, `fashion-mnist`.

They are read from disk, by default from the folder that MILLINET_DATA names, else ~/.cache/millinet/data.
They are fetched only when asked: `cifar10:ROOT,download=yes`. torchvision checks the checksum of every CIFAR
file before it opens it, so no foreign pickle is read.
"""

import os
from dataclasses import replace
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
import torch
from torch import Tensor

from millinet.data.collection import Collection
from millinet.data.invariances import GLYPHS, PHOTOGRAPHS, Invariances
from millinet.data.paths import readable
from millinet.data.reshape import reshaped
from millinet.data.spec import DataSpec
from millinet.errors import DataError


class _Set(NamedTuple):
    attribute: str
    """Its class in torchvision.datasets."""
    invariances: Invariances


SETS: Final[dict[str, _Set]] = {
    "cifar10": _Set("CIFAR10", PHOTOGRAPHS),
    "cifar100": _Set("CIFAR100", PHOTOGRAPHS),
    "mnist": _Set("MNIST", GLYPHS),
    # Clothes may hang either way, but grey has no hue to vary.
    "fashion-mnist": _Set("FashionMNIST", replace(PHOTOGRAPHS, has_colour=False)),
}
"""What is known by name."""


def read_torchvision(spec: DataSpec) -> Collection:
    """Read one of `SETS`; its own test part stays the test part.

    Raises:
        DataError: If it is not on disk and was not to be fetched, or could not be.
    """
    from torchvision import datasets  # takes a second to import

    known = SETS[spec.name]
    root = Path(spec.argument).expanduser() if spec.argument else default_root()
    source = getattr(datasets, known.attribute)
    try:
        train = source(root, train=True, download=spec.options.download)
        test = source(root, train=False, download=False)
    except (RuntimeError, OSError, ValueError) as error:
        raise DataError(_way_out(spec, root, error)) from error
    sizes = {"train": len(train), "test": len(test)}
    return Collection(
        images=reshaped(torch.cat([_pixels(train.data), _pixels(test.data)]), spec.options),
        labels=torch.cat([torch.as_tensor(part.targets, dtype=torch.int64) for part in (train, test)]),
        class_names=tuple(str(name) for name in train.classes),
        keys=tuple(f"{part}/{index:06d}" for part, size in sizes.items() for index in range(size)),
        parts={
            "train": list(range(sizes["train"])),
            "test": list(range(sizes["train"], sizes["train"] + sizes["test"])),
        },
        invariances=known.invariances,
    )


def default_root() -> Path:
    """Return where sets are looked for when the spec does not say."""
    home = os.environ.get("MILLINET_DATA")
    return Path(home).expanduser() if home else Path.home() / ".cache" / "millinet" / "data"


def _pixels(data: Any) -> Tensor:
    pixels = torch.as_tensor(np.asarray(data))
    # (images, height, width) of grey sets, (images, height, width, channels) of coloured ones.
    return pixels.unsqueeze(1) if pixels.ndim == 3 else pixels.permute(0, 3, 1, 2).contiguous()


def _way_out(spec: DataSpec, root: Path, error: Exception) -> str:
    if spec.options.download:
        return f"{spec.name} could not be fetched to {readable(root)}: {error}; put it there by hand"
    return (
        f"{spec.name} is not in {readable(root)}; name its folder as {spec.name}:ROOT, "
        f"or fetch it with --data {spec.name}:{readable(root)},download=yes"
    )
