"""Patchify stem: a convolution whose kernel is its stride, then a norm (Liu et al., "ConvNeXt", 2022)."""

from collections import OrderedDict
from typing import Any

from torch import Tensor, nn

from millinet.errors import ConfigError
from search_spaces.layers import has_bias
from search_spaces.part import Outgoing, Part, Place
from search_spaces.tally import Tally, conv_tally


class Patch(Part):
    """Map every patch of `size` x `size` pixels to one pixel."""

    def __init__(self, place: Place, *, size: int = 4) -> None:
        super().__init__()
        layers = place.layers
        bias = has_bias(is_normed=layers.norm != "none", rule=layers.bias)
        conv = nn.Conv2d(place.in_channels, place.out_channels, size, size, bias=bias)
        self.patch = nn.Sequential(OrderedDict(conv=conv, norm=layers.normalise(place.out_channels)))

    @classmethod
    def check(cls, _: int, /, *, size: int = 4, **__: Any) -> None:
        """Reject an empty patch."""
        if size < 1:
            raise ConfigError(f"size of a patch must be at least 1 pixel, got {size}")

    @classmethod
    def outgoing(cls, place: Place, /, *, size: int = 4, **_: Any) -> Outgoing:
        """Divide the resolution by the size of a patch, rounding down."""
        return Outgoing(place.out_channels, (place.resolution[0] // size, place.resolution[1] // size))

    @classmethod
    def tally(cls, place: Place, /, *, size: int = 4, **_: Any) -> Tally:
        """Count the closed form."""
        at = cls.outgoing(place, size=size).resolution
        return conv_tally(place.layers, (place.in_channels, place.out_channels), size, at=at, then="norm")

    def forward(self, x: Tensor) -> Tensor:
        """Map (batch, in, height, width) to (batch, out, height / size, width / size)."""
        return self.patch(x)
