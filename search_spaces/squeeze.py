"""Squeeze-and-excitation: rescale channels by what the whole image shows (Hu et al., 2018)."""

from torch import Tensor, nn

from search_spaces.layers import Layers


class SqueezeExcitation(nn.Module):
    """Pool, squeeze, excite, and scale each channel by a gate in [0, 1]."""

    def __init__(self, channels: int, squeezed: int, layers: Layers) -> None:
        super().__init__()
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.squeeze = layers.conv((channels, squeezed), then="act")
        self.excite = layers.conv((squeezed, channels), then="")
        self.gate = nn.Sigmoid()

    def forward(self, x: Tensor) -> Tensor:
        """Scale (batch, channels, height, width) channel by channel."""
        gates: Tensor = self.gate(self.excite(self.squeeze(self.pool(x))))
        return x * gates


def squeeze_excitation(channels: int, ratio: float, layers: Layers, *, base: int | None = None) -> nn.Module:
    """Make the gate, or the identity at ratio 0.

    Args:
        channels: Channels to scale.
        ratio: Squeezed width as a fraction of `base`, in [0, 1].
        layers: Supplies the activation between the two convolutions.
        base: Width the ratio refers to; `channels` where not given.
    """
    if ratio == 0.0:
        return nn.Identity()
    return SqueezeExcitation(channels, max(1, int((base or channels) * ratio)), layers)
