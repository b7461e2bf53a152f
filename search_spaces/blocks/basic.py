"""Basic residual block: two 3x3 convolutions (He et al., 2016)."""

from torch import Tensor

from search_spaces.drop_path import drop_path
from search_spaces.part import Part, Place
from search_spaces.shortcuts import shortcut
from search_spaces.squeeze import squeeze_excitation


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

    def forward(self, x: Tensor) -> Tensor:
        """Map (batch, in, height, width) to (batch, out, height / stride, width / stride)."""
        out: Tensor = self.drop_path(self.squeeze(self.second(self.first(x))))
        out += self.shortcut(x)
        return self.act(out)
