"""Mean and deviation of each channel."""

import torch
from torch import Tensor

from millinet.data.dataset import Split


def channel_moments(split: Split, *, chunk: int = 1024) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Compute mean and standard deviation of each channel, in double precision.

    Args:
        split: Images of shape (images, channels, height, width); uint8 counts as fractions of 255.
        chunk: Images looked at in one go, which bounds the memory.

    Returns:
        Means and deviations; a constant channel has deviation 1, so that dividing by it is harmless.
    """
    if not isinstance(split.images, Tensor):
        return _from_moments(split.images.moments.mean(0))
    count, total, squares = 0, torch.zeros(()), torch.zeros(())
    for indices in torch.split(torch.arange(len(split)), chunk):
        images = split.pixels(indices)
        # In doubles one pass is exact enough: images are not large numbers that differ by little.
        pixels = images.double().transpose(0, 1).flatten(1)
        if images.dtype == torch.uint8:
            pixels = pixels / 255.0
        count += pixels.shape[1]
        total = total + pixels.sum(1)
        squares = squares + pixels.square().sum(1)
    return _from_moments(torch.stack([total, squares]) / count)


def _from_moments(moments: Tensor) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Turn mean and mean square of each channel, shape (2, channels), into mean and deviation."""
    mean, square = moments
    std = (square - mean.square()).clamp_min(0.0).sqrt()
    std = torch.where(std > 1e-6, std, torch.ones_like(std))
    return tuple(mean.tolist()), tuple(std.tolist())
