"""Bring a split to the device in batches."""

from collections.abc import Iterator

import torch
from torch import Tensor

from millinet.data.dataset import Split
from millinet.errors import ConfigError


def batches(
    split: Split, *, batch_size: int, device: torch.device, order: Tensor | None = None
) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield batches of nearly equal size.

    The images are dealt evenly: 101 images in batches of at most 100 come as 51 and 50, not as 100 and 1, so
    no image is lost and no batch norm meets a lonely image.

    Args:
        split: Images and labels.
        batch_size: Most images in a batch, at least 1.
        device: Where the batches shall lie.
        order: Indices in the order wanted, int64; None takes the split's own order.

    Yields:
        Images as the split holds them, shape (batch, channels, height, width), and their labels, int64.
    """
    if batch_size < 1:
        raise ConfigError(f"batch_size must be at least 1, got {batch_size}")
    indices = torch.arange(len(split)) if order is None else order
    indices = indices.to(split.labels.device)
    for chosen in indices.tensor_split(num_batches(len(indices), batch_size)):
        yield split.pixels(chosen).to(device), split.labels[chosen].to(device)


def num_batches(num_images: int, batch_size: int) -> int:
    """Count the batches that so many images make."""
    return max(1, -(-num_images // batch_size))
