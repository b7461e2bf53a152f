"""Small image folders made of noise."""

from pathlib import Path

import numpy as np
from PIL import Image


def paint(path: Path, *, seed: int = 0, size: tuple[int, int] = (12, 10), mode: str = "RGB") -> None:
    """Save noise of `size` (width, height); the file's name decides the format."""
    path.parent.mkdir(parents=True, exist_ok=True)
    noise = np.random.default_rng(seed).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    Image.fromarray(noise).convert(mode).save(path)


def birds(root: Path, *, per_class: int = 10, mode: str = "RGB") -> Path:
    """Fill two classes, crow and owl."""
    for index, name in enumerate(("crow", "owl")):
        for number in range(per_class):
            paint(root / name / f"{number}.png", seed=100 * index + number, mode=mode)
    return root
