"""Vary a batch of images on the device, each image in its own way, within what keeps its label."""

import math

import torch
from torch import Tensor
from torch.nn import functional

from millinet.data.invariances import Invariances


def augment(
    images: Tensor, invariances: Invariances, *, strength: float, generator: torch.Generator
) -> Tensor:
    """Shift, turn, zoom and mirror each image at random.

    Args:
        images: Shape (batch, channels, height, width), uint8 or float32.
        invariances: What keeps a label.
        strength: Fraction of it that is used, in [0, 1].
        generator: Source of randomness, on the images' device.

    Returns:
        The same shape. Images that were turned or zoomed are float32, in fractions of full scale if they were
        uint8; others keep their dtype. What comes into the picture from outside is 0.
    """
    if strength == 0.0 or not (invariances.has_mirror or invariances.max_shift or _is_turned(invariances)):
        return images
    if not _is_turned(invariances):
        return crop_and_mirror(images, invariances, strength=strength, generator=generator)
    return warp(images, invariances, strength=strength, generator=generator)


def crop_and_mirror(
    images: Tensor, invariances: Invariances, *, strength: float, generator: torch.Generator
) -> Tensor:
    """Shift each image by whole pixels and mirror half of them; exact, also for uint8."""
    n, _, h, w = images.shape
    device = images.device
    if invariances.has_mirror:
        is_mirrored = torch.rand(n, 1, 1, 1, generator=generator, device=device) < 0.5
        images = torch.where(is_mirrored, images.flip(3), images)
    reach_h, reach_w = (round(strength * invariances.max_shift * side) for side in (h, w))
    if reach_h == reach_w == 0:
        return images
    rows, columns = (
        torch.randint(0, 2 * reach + 1, (n,), generator=generator, device=device)
        for reach in (reach_h, reach_w)
    )
    padded = functional.pad(images, (reach_w, reach_w, reach_h, reach_h))
    # (batch, channels, place down, place across, height, width): every crop there is, without a copy. Chosen
    # this way the pixels of a row are copied together, not one by one.
    crops = padded.unfold(2, h, 1).unfold(3, w, 1)
    return crops[torch.arange(n, device=device), :, rows, columns]


def warp(images: Tensor, invariances: Invariances, *, strength: float, generator: torch.Generator) -> Tensor:
    """Shift, turn, zoom and mirror each image by its own affine map, with bilinear sampling."""
    n, _, h, w = images.shape
    device = images.device
    draws = torch.rand(5, n, generator=generator, device=device) * 2.0 - 1.0  # each in [-1, 1)
    angle = draws[0] * math.radians(strength * invariances.max_rotation_degrees)
    zoom = 1.0 + draws[1] * strength * invariances.max_zoom
    # The sampling grid spans [-1, 1], so a fraction f of the side is 2 f.
    shift = draws[2:4] * (2.0 * strength * invariances.max_shift)
    mirror = torch.where(draws[4] < 0.0, -1.0, 1.0) if invariances.has_mirror else torch.ones_like(angle)
    cosine, sine = angle.cos() / zoom, angle.sin() / zoom
    # The grid is stretched to the image, so turning a picture that is not square needs its aspect ratio.
    first = torch.stack([mirror * cosine, mirror * sine * (h / w), shift[0]], dim=1)
    second = torch.stack([-sine * (w / h), cosine, shift[1]], dim=1)
    grid = functional.affine_grid(
        torch.stack([first, second], dim=1), list(images.shape), align_corners=False
    )
    pixels = images.float() / 255.0 if images.dtype == torch.uint8 else images
    return functional.grid_sample(pixels, grid, mode="bilinear", padding_mode="zeros", align_corners=False)


def _is_turned(invariances: Invariances) -> bool:
    return invariances.max_rotation_degrees > 0.0 or invariances.max_zoom > 0.0
