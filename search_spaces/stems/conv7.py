"""Stem of ImageNet residual networks: 7x7 at stride 2, then max-pooling (He et al., 2016)."""

from typing import Any

from torch import Tensor, nn

from search_spaces.part import Outgoing, Part, Place, shrunk
from search_spaces.tally import Tally, conv_tally


class Conv7(Part):
    """A 7x7 convolution at stride 2 and a 3x3 max-pool at stride 2: a quarter of the resolution."""

    def __init__(self, place: Place) -> None:
        super().__init__()
        self.conv = place.layers.conv((place.in_channels, place.out_channels), 7, stride=2)
        self.pool = nn.MaxPool2d(3, 2, 1)

    @classmethod
    def outgoing(cls, place: Place, /, **_: Any) -> Outgoing:
        """Quarter the resolution."""
        return Outgoing(place.out_channels, shrunk(place.resolution, 4))

    @classmethod
    def tally(cls, place: Place, /, **_: Any) -> Tally:
        """Count the closed form."""
        at = shrunk(place.resolution, 2)
        return conv_tally(place.layers, (place.in_channels, place.out_channels), 7, at=at)

    def forward(self, x: Tensor) -> Tensor:
        """Map (batch, in, height, width) to (batch, out, height / 4, width / 4)."""
        return self.pool(self.conv(x))
