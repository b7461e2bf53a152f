"""RepVGG block: three branches while training, one convolution when deployed (Ding et al., 2021)."""

from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812 - torch's own name for it
from torch import Tensor, nn

from search_spaces.part import Part, Place
from search_spaces.squeeze import squeeze_excitation
from search_spaces.tally import Tally, conv_tally, norm_tally, squeeze_tally


class RepVGG(Part):
    """A 3x3 convolution, a 1x1 convolution and the identity, each with its own norm, added up.

    `search_spaces.reparameterise` merges the branches into one 3x3 convolution with the same output.
    """

    def __init__(self, place: Place, *, squeeze: float = 0.0) -> None:
        super().__init__()
        channels, layers = (place.in_channels, place.out_channels), place.layers
        self.wide = layers.conv(channels, 3, stride=place.stride, then="norm")
        self.narrow = layers.conv(channels, 1, stride=place.stride, then="norm")
        self.identity = None if place.is_reshaping else layers.normalise(place.in_channels)
        self.stride = place.stride
        self.squeeze = squeeze_excitation(place.out_channels, squeeze, layers)
        self.act = layers.activate()

    @classmethod
    def tally(cls, place: Place, /, *, squeeze: float = 0.0, **_: Any) -> Tally:
        """Count the closed form."""
        channels, layers, at = (place.in_channels, place.out_channels), place.layers, place.resolution_out
        branches = conv_tally(layers, channels, 3, at=at, then="norm")
        branches += conv_tally(layers, channels, 1, at=at, then="norm")
        identity = Tally() if place.is_reshaping else norm_tally(layers, channels[0])
        return branches + identity + squeeze_tally(layers, channels[1], squeeze)

    def forward(self, x: Tensor) -> Tensor:
        """Map (batch, in, height, width) to (batch, out, height / stride, width / stride)."""
        out: Tensor = self.wide(x) + self.narrow(x)
        if self.identity is not None:
            out = out + self.identity(x)
        return self.act(self.squeeze(out))

    @torch.no_grad()
    def deployed(self) -> nn.Module:
        """Return one 3x3 convolution with the rest of the block.

        Norms whose statistics depend on the image cannot be merged: with such the block stays as it is.
        """
        if isinstance(self.wide[-1], nn.GroupNorm | nn.LayerNorm):
            return self
        kernel, bias = _merged(*self.wide)
        narrow_kernel, narrow_bias = _merged(*self.narrow)
        kernel, bias = kernel + F.pad(narrow_kernel, (1, 1, 1, 1)), bias + narrow_bias
        if self.identity is not None:
            conv = nn.Conv2d(len(kernel), len(kernel), 1, bias=False, device=kernel.device)
            nn.init.dirac_(conv.weight)
            same_kernel, same_bias = _merged(conv, self.identity)
            kernel, bias = kernel + F.pad(same_kernel, (1, 1, 1, 1)), bias + same_bias
        channels = (kernel.shape[1], len(kernel))
        merged = nn.Conv2d(*channels, 3, self.stride, 1, device=kernel.device)
        merged.weight.copy_(kernel)
        if merged.bias is not None:
            merged.bias.copy_(bias)
        return nn.Sequential(merged, self.squeeze, self.act)


def _merged(conv: nn.Module, norm: nn.Module | None = None) -> tuple[Tensor, Tensor]:
    """Fold a batch norm into the convolution before it; return kernel and bias."""
    if not isinstance(conv, nn.Conv2d):
        raise AssertionError("a branch begins with a convolution")
    bias = torch.zeros(conv.out_channels, device=conv.weight.device) if conv.bias is None else conv.bias
    if not isinstance(norm, nn.BatchNorm2d) or norm.running_mean is None or norm.running_var is None:
        return conv.weight, bias
    gain = norm.weight * torch.rsqrt(norm.running_var + norm.eps)
    return conv.weight * gain.view(-1, 1, 1, 1), norm.bias + (bias - norm.running_mean) * gain
