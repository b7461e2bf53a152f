"""Basic residual block: two 3x3 convolutions (He et al., 2016)."""

from typing import Any

from torch import Tensor

from search_spaces.drop_path import drop_path
from search_spaces.part import Part, Place
from search_spaces.shortcuts import shortcut, shortcut_tally
from search_spaces.squeeze import squeeze_excitation
from search_spaces.tally import Tally, conv_tally, squeeze_tally


class Basic(Part):
    """Two 3x3 convolutions around a shortcut; the stride is on the first."""

    def __init__(self, place: Place, *, squeeze: float = 0.0) -> None:
        super().__init__()
        layers, width = place.layers, place.out_channels
        self.first = layers.conv((place.in_channels, width), 3, stride=place.stride)
        self.second = layers.conv((width, width), 3, then="norm")
        self.squeeze = squeeze_excitation(width, squeeze, layers)
        self.drop_path = drop_path(place.drop_path)
        self.shortcut = shortcut(place)
        self.act = layers.activate()

    @classmethod
    def tally(cls, place: Place, /, *, squeeze: float = 0.0, **_: Any) -> Tally:
        """Count the closed form."""
        layers, width, at = place.layers, place.out_channels, place.resolution_out
        first = conv_tally(layers, (place.in_channels, width), 3, at=at)
        second = conv_tally(layers, (width, width), 3, at=at, then="norm")
        return first + second + squeeze_tally(layers, width, squeeze) + shortcut_tally(place)

    def forward(self, x: Tensor) -> Tensor:
        """Map (batch, in, height, width) to (batch, out, height / stride, width / stride)."""
        out: Tensor = self.drop_path(self.squeeze(self.second(self.first(x))))
        out += self.shortcut(x)
        return self.act(out)
