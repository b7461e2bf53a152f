"""ConvNeXt block: depthwise 7x7, norm, and a perceptron on the channels (Liu et al., 2022)."""

from typing import Any

from torch import Tensor, nn

from search_spaces.blocks.inverted import Inverted
from search_spaces.downsampling import downsampled, downsampling, downsampling_tally
from search_spaces.drop_path import drop_path
from search_spaces.layer_scale import LayerScale
from search_spaces.part import Outgoing, Part, Place
from search_spaces.squeeze import squeeze_excitation
from search_spaces.tally import Tally, conv_tally, squeeze_tally


class ConvNeXt(Part):
    """A residual branch with layer scale; a change of shape is a 2x2 convolution before it."""

    def __init__(
        self, place: Place, *, kernel: int = 7, expand: int = 4, scale: float = 1e-6, squeeze: float = 0.0
    ) -> None:
        super().__init__()
        layers, width = place.layers, place.out_channels
        self.downsample = downsampling(place)
        self.scale = LayerScale(width, scale)
        self.depthwise = layers.conv((width, width), kernel, groups=width, then="norm")
        self.expand = layers.conv((width, expand * width), then="")
        self.act = nn.GELU()
        self.project = layers.conv((expand * width, width), then="")
        self.squeeze = squeeze_excitation(width, squeeze, layers)
        self.drop_path = drop_path(place.drop_path)

    @classmethod
    def check(cls, width: int, /, *, kernel: int = 7, expand: int = 4, **others: Any) -> None:
        """Reject what the inverted residual block rejects."""
        Inverted.check(width, expand=expand, kernel=kernel, **others)

    @classmethod
    def outgoing(cls, place: Place, /, **_: Any) -> Outgoing:
        """Divide the resolution by the stride, rounding down."""
        return downsampled(place)

    @classmethod
    def tally(
        cls, place: Place, /, *, kernel: int = 7, expand: int = 4, squeeze: float = 0.0, **_: Any
    ) -> Tally:
        """Count the closed form."""
        layers, width, at = place.layers, place.out_channels, downsampled(place).resolution
        counted = downsampling_tally(place) + Tally(width)
        counted += conv_tally(layers, (width, width), kernel, at=at, groups=width, then="norm")
        counted += conv_tally(layers, (width, expand * width), at=at, then="")
        counted += conv_tally(layers, (expand * width, width), at=at, then="")
        return counted + squeeze_tally(layers, width, squeeze)

    def forward(self, x: Tensor) -> Tensor:
        """Map (batch, in, height, width) to (batch, out, height / stride, width / stride)."""
        x = self.downsample(x)
        branch = self.project(self.act(self.expand(self.depthwise(x))))
        return x + self.drop_path(self.scale(self.squeeze(branch)))
