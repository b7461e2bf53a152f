"""Fused inverted residual block: one full convolution instead of two (Tan and Le, "EfficientNetV2", 2021)."""

from typing import Any

from torch import Tensor, nn

from search_spaces.blocks.inverted import Inverted
from search_spaces.drop_path import drop_path
from search_spaces.part import Part, Place
from search_spaces.squeeze import squeeze_excitation
from search_spaces.tally import Tally, conv_tally, squeeze_tally


class Fused(Part):
    """Widen by a full convolution and narrow linearly; at expansion 1 it is that one convolution alone."""

    def __init__(self, place: Place, *, expand: int = 4, kernel: int = 3, squeeze: float = 0.0) -> None:
        super().__init__()
        layers, out = place.layers, place.out_channels
        hidden = out if expand == 1 else place.in_channels * expand
        self.expand = layers.conv((place.in_channels, hidden), kernel, stride=place.stride)
        self.squeeze = squeeze_excitation(hidden, squeeze, layers, base=place.in_channels)
        self.project = nn.Identity() if expand == 1 else layers.conv((hidden, out), then="norm")
        self.drop_path = drop_path(place.drop_path)
        self.has_shortcut = not place.is_reshaping

    @classmethod
    def check(cls, width: int, /, *, expand: int = 4, kernel: int = 3, **others: Any) -> None:
        """Reject what the inverted residual block rejects."""
        Inverted.check(width, expand=expand, kernel=kernel, **others)

    @classmethod
    def tally(
        cls, place: Place, /, *, expand: int = 4, kernel: int = 3, squeeze: float = 0.0, **_: Any
    ) -> Tally:
        """Count the closed form."""
        layers, at, before, out = place.layers, place.resolution_out, place.in_channels, place.out_channels
        hidden = out if expand == 1 else before * expand
        counted = conv_tally(layers, (before, hidden), kernel, at=at)
        if expand > 1:
            counted += conv_tally(layers, (hidden, out), at=at, then="norm")
        return counted + squeeze_tally(layers, hidden, squeeze, base=before)

    def forward(self, x: Tensor) -> Tensor:
        """Map (batch, in, height, width) to (batch, out, height / stride, width / stride)."""
        out: Tensor = self.drop_path(self.project(self.squeeze(self.expand(x))))
        return out + x if self.has_shortcut else out
