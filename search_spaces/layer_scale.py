"""Layer scale: one learnt factor a channel on a residual branch (Touvron et al., 2021)."""

import torch
from torch import Tensor, nn


class LayerScale(nn.Module):
    """Multiply channel c of (batch, channels, height, width) by `scale[c]`.

    The parameter has one axis, of shape (channels,), and is viewed in the forward pass: pruning finds its
    channels on the axis it looks at.
    """

    def __init__(self, channels: int, start: float) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.full((channels,), start))

    def forward(self, x: Tensor) -> Tensor:
        """Scale each channel."""
        return x * self.scale.view(1, -1, 1, 1)
