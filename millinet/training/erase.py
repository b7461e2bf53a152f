"""Blank a random rectangle in some images, each its own (Zhong et al., "Random Erasing", 2020).

torchvision's transform draws one rectangle for a whole batch, hence this vectorised form.
"""

import torch
from torch import Tensor


def erase(images: Tensor, *, share: float, generator: torch.Generator) -> Tensor:
    """Set a rectangle of 2 to 33 percent of the area to 0 in a share of the images.

    Args:
        images: Normalised, shape (batch, channels, height, width), so that 0 is the mean.
        share: Fraction of images erased, on average, in [0, 1].
        generator: Source of randomness on the images' device.
    """
    n, _, h, w = images.shape
    device = images.device
    draws = torch.rand(5, n, 1, 1, 1, generator=generator, device=device)
    area = 0.02 + draws[0] * (0.33 - 0.02)
    aspect = torch.exp((draws[1] * 2.0 - 1.0) * 1.2)  # height over width, from 0.3 to 3.3
    half_h = 0.5 * h * (area * aspect).sqrt()
    half_w = 0.5 * w * (area / aspect).sqrt()
    row = torch.arange(h, device=device).view(1, 1, h, 1)
    column = torch.arange(w, device=device).view(1, 1, 1, w)
    is_inside = ((row - draws[2] * h).abs() <= half_h) & ((column - draws[3] * w).abs() <= half_w)
    return images.masked_fill(is_inside & (draws[4] < share), 0.0)
