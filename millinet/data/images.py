"""Read one image file into a tensor, whatever camera, scanner or web page it came from.

Turned as its EXIF orientation says, 16 bits brought to 8, palettes resolved, transparency laid on white, the
first picture of an animation; then resized along its shorter side and cropped in the centre.
"""

from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
import torch
from PIL import Image, ImageOps, UnidentifiedImageError
from torch import Tensor

from millinet.errors import DataError

SUFFIXES: Final = frozenset(
    (
        ".jpg",
        ".jpeg",
        ".jfif",
        ".png",
        ".bmp",
        ".gif",
        ".webp",
        ".avif",
        ".tif",
        ".tiff",
        ".ppm",
        ".pgm",
        ".pbm",
        ".pnm",
        ".jp2",
    )
)
"""File names taken for images, in lower case."""

_GREY_MODES: Final = ("1", "L", "LA", "La", "I", "F")
_EXIF_ORIENTATION: Final = 0x0112


class Header(NamedTuple):
    """What an image file says of itself before its pixels are read."""

    height: int
    width: int
    is_grey: bool
    num_frames: int
    """More than one for an animation or a stack of pages."""


def read_header(path: Path) -> Header:
    """Read size and kind of an image, as it will be after turning.

    Raises:
        DataError: If the file is no image that can be read; the message is the reason alone.
    """
    try:
        with Image.open(path) as image:
            width, height = image.size
            if image.getexif().get(_EXIF_ORIENTATION, 1) in (5, 6, 7, 8):
                width, height = height, width
            return Header(height, width, _is_grey(image.mode), int(getattr(image, "n_frames", 1)))
    except Exception as error:  # Pillow's decoders raise whatever a broken file provokes
        raise DataError(_reason(path, error)) from error


def read_image(path: Path, *, channels: int, resolution: tuple[int, int]) -> Tensor:
    """Read an image at a fixed shape.

    Args:
        path: The file.
        channels: 1 for grey, 3 for colour.
        resolution: (height, width) wanted.

    Returns:
        uint8 of shape (channels, height, width).

    Raises:
        DataError: If it cannot be read to its end; the message is the reason alone.
    """
    height, width = resolution
    try:
        with Image.open(path) as image:
            # A JPEG decodes at a half, a quarter or an eighth of its size at a fraction of the cost.
            image.draft("RGB" if channels == 3 else "L", (width, height))
            return image_to_tensor(image, channels=channels, resolution=resolution)
    except Exception as error:  # Pillow's decoders raise whatever a broken file provokes
        raise DataError(_reason(path, error)) from error


def image_to_tensor(
    image: Image.Image, *, channels: int | None = None, resolution: tuple[int, int] | None = None
) -> Tensor:
    """Turn a Pillow image upright and into pixels.

    Args:
        image: Of any mode.
        channels: 1 for grey, 3 for colour; None takes what the image is.
        resolution: (height, width) wanted; None keeps its size.

    Returns:
        uint8 of shape (channels, height, width).

    Raises:
        DataError: If its pixels are not finite or beyond the scale of its mode.
    """
    upright = ImageOps.exif_transpose(image)
    wanted = channels or (1 if _is_grey(image.mode) else 3)
    plain = _to_channels(_to_eight_bits(upright), wanted)
    if resolution is not None and plain.size != resolution[::-1]:
        plain = ImageOps.fit(plain, resolution[::-1], Image.Resampling.BICUBIC)
    pixels = torch.from_numpy(np.array(plain)).reshape(plain.height, plain.width, wanted)
    return pixels.permute(2, 0, 1).contiguous()


def _to_eight_bits(image: Image.Image) -> Image.Image:
    if image.mode != "F" and not image.mode.startswith("I"):
        return image
    pixels = np.asarray(image).astype(np.float64)
    if not np.isfinite(pixels).all():
        raise DataError("it holds pixels that are not finite (NaN or infinity)")
    full_scale = 65535.0 if image.mode != "F" else 1.0 if pixels.max() <= 1.0 else 255.0
    if pixels.min() < 0.0 or pixels.max() > full_scale:
        raise DataError(
            f"its pixels reach from {pixels.min():g} to {pixels.max():g}, beyond 0 to {full_scale:g}"
        )
    return Image.fromarray(np.rint(pixels * (255.0 / full_scale)).astype(np.uint8))


def _to_channels(image: Image.Image, channels: int) -> Image.Image:
    if image.has_transparency_data:
        opaque = image.convert("RGBA")
        white = Image.new("RGBA", opaque.size, "white")
        image = Image.alpha_composite(white, opaque)
    return image.convert("RGB" if channels == 3 else "L")


def _is_grey(mode: str) -> bool:
    return mode in _GREY_MODES or mode.startswith("I;16")


def _reason(path: Path, error: Exception) -> str:
    if isinstance(error, DataError):
        return str(error)
    if isinstance(error, FileNotFoundError):
        return "there is no such file"
    if path.is_file() and path.stat().st_size == 0:
        return "the file is empty"
    return _decoding_reason(error)


def _decoding_reason(error: Exception) -> str:
    if isinstance(error, UnidentifiedImageError):
        return "it is no image in a known format"
    if isinstance(error, Image.DecompressionBombError):
        return f"it has more than {2 * (Image.MAX_IMAGE_PIXELS or 0) // 1_000_000} megapixels"
    return f"{type(error).__name__}: {error}"
