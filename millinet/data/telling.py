"""What a person should know of a data set before anything is done with it."""

from typing import Final

import torch

from millinet.data.dataset import DataSet
from millinet.data.feed import placement

MOST_SHOWN: Final = 5
"""Unreadable files named one by one."""


def data_lines(data: DataSet, device: torch.device) -> list[str]:
    """Tell sizes, where the training images lie, what was noticed, and what could not be read."""
    parts = ", ".join(f"{count} {part}" for part, count in data.sizes().items())
    where = {"device": "on the device", "host": "in host memory", "disk": "read from disk when needed"}
    held = where[placement(data.train, device)]
    return [f"{data.spec}: {parts} images, {held}", *(f"  {line}" for line in (*data.notes, *_skipped(data)))]


def _skipped(data: DataSet) -> list[str]:
    shown = [f"skipped {entry}" for entry in data.skipped[:MOST_SHOWN]]
    num_more = len(data.skipped) - len(shown)
    return [*shown, f"and {num_more} more skipped, listed in run.json"] if num_more else shown
