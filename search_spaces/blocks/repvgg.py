"""RepVGG block: three branches while training, one convolution when deployed (Ding et al., 2021)."""

from torch import Tensor

from search_spaces.part import Part, Place
from search_spaces.squeeze import squeeze_excitation


class RepVGG(Part):
    """A 3x3 convolution, a 1x1 convolution and the identity, each with its own norm, added up.

    `search_spaces.reparameterise` folds the branches into one 3x3 convolution with the same output.
    """

    def __init__(self, place: Place, *, squeeze: float = 0.0) -> None:
        super().__init__()
        channels, layers = (place.in_channels, place.out_channels), place.layers
        self.wide = layers.conv(channels, 3, stride=place.stride, then="norm")
        self.narrow = layers.conv(channels, 1, stride=place.stride, then="norm")
        self.identity = None if place.is_reshaping else layers.normalise(place.in_channels)
        self.squeeze = squeeze_excitation(place.out_channels, squeeze, layers)
        self.act = layers.activate()

    def forward(self, x: Tensor) -> Tensor:
        """Map (batch, in, height, width) to (batch, out, height / stride, width / stride)."""
        out: Tensor = self.wide(x) + self.narrow(x)
        if self.identity is not None:
            out = out + self.identity(x)
        return self.act(self.squeeze(out))
