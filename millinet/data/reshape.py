"""Bring images that are already pixels to another size or number of channels."""

import torch
from torch import Tensor
from torch.nn import functional

from millinet.data.spec import DataOptions
from millinet.errors import DataError

_LUMA = (0.299, 0.587, 0.114)
"""Weights of red, green and blue in grey (ITU-R BT.601), as Pillow has them."""


def reshaped(images: Tensor, options: DataOptions, *, chunk: int = 4096) -> Tensor:
    """Apply the size and the channels asked for; without either the images stay what they are.

    Args:
        images: uint8 or float32, shape (images, channels, height, width).
        options: What was asked for.
        chunk: Images converted in one go, which bounds the memory.

    Raises:
        DataError: If the channels asked for cannot be made of those there are.
    """
    if options.size is None and options.channels in (None, images.shape[1]):
        return images
    return torch.cat([_reshape(part, options.size, options.channels) for part in torch.split(images, chunk)])


def _reshape(images: Tensor, side: int | None, channels: int | None) -> Tensor:
    pixels = images.float()
    if channels is not None and channels != images.shape[1]:
        pixels = _with_channels(pixels, channels)
    if side is not None and tuple(pixels.shape[2:]) != (side, side):
        pixels = functional.interpolate(pixels, (side, side), mode="bilinear", antialias=True)
    return pixels.round().clamp(0, 255).to(torch.uint8) if images.dtype == torch.uint8 else pixels


def _with_channels(pixels: Tensor, channels: int) -> Tensor:
    present = pixels.shape[1]
    if present == 1:
        return pixels.expand(-1, channels, -1, -1)
    if (present, channels) == (3, 1):
        return (pixels * torch.tensor(_LUMA).view(3, 1, 1)).sum(1, keepdim=True)
    raise DataError(f"images of {present} channels cannot be given {channels}; leave out channels={channels}")
