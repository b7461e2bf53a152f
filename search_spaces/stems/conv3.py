"""Stem for small images: one 3x3 convolution."""

from typing import Any, Literal

from torch import Tensor

from search_spaces.part import Outgoing, Part, Place, shrunk
from search_spaces.tally import Tally, conv_tally


class Conv3(Part):
    """One 3x3 convolution with norm and activation, at stride 1 or 2."""

    def __init__(self, place: Place, *, stride: Literal[1, 2] = 1) -> None:
        super().__init__()
        self.conv = place.layers.conv((place.in_channels, place.out_channels), 3, stride=stride)

    @classmethod
    def outgoing(cls, place: Place, /, *, stride: int = 1, **_: Any) -> Outgoing:
        """Divide the resolution by the stem's own stride."""
        return Outgoing(place.out_channels, shrunk(place.resolution, stride))

    @classmethod
    def tally(cls, place: Place, /, *, stride: int = 1, **_: Any) -> Tally:
        """Count the closed form."""
        at = shrunk(place.resolution, stride)
        return conv_tally(place.layers, (place.in_channels, place.out_channels), 3, at=at)

    def forward(self, x: Tensor) -> Tensor:
        """Map (batch, in, height, width) to (batch, out, height / stride, width / stride)."""
        return self.conv(x)
