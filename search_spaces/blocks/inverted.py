"""Inverted residual block: expand, depthwise, project (Sandler et al., "MobileNetV2", 2018)."""

from typing import Any, Literal

from torch import Tensor, nn

from millinet.errors import ConfigError
from search_spaces.drop_path import drop_path
from search_spaces.part import Part, Place
from search_spaces.shortcuts import shortcut, shortcut_tally
from search_spaces.squeeze import squeeze_excitation
from search_spaces.tally import Tally, conv_tally, squeeze_tally


class Inverted(Part):
    """Widen by a 1x1, convolve each channel for itself, and narrow linearly.

    The shortcut is the identity at stride 1 with equal widths. With `shortcut="projected"` unequal widths at
    stride 1 get a 1x1 convolution with norm instead of none.
    """

    def __init__(
        self,
        place: Place,
        *,
        expand: int = 6,
        kernel: int = 3,
        shortcut: Literal["identity", "projected"] = "identity",
        squeeze: float = 0.0,
    ) -> None:
        super().__init__()
        layers, hidden = place.layers, place.in_channels * expand
        self.expand = nn.Identity() if expand == 1 else layers.conv((place.in_channels, hidden))
        self.depthwise = layers.conv((hidden, hidden), kernel, stride=place.stride, groups=hidden)
        self.squeeze = squeeze_excitation(hidden, squeeze, layers, base=place.in_channels)
        self.project = layers.conv((hidden, place.out_channels), then="norm")
        self.drop_path = drop_path(place.drop_path)
        self.shortcut = _shortcut(place, shortcut)

    @classmethod
    def check(cls, width: int, /, *, expand: int = 6, kernel: int = 3, **others: Any) -> None:
        """Reject an expansion below 1 and an even kernel."""
        super().check(width, **others)
        if expand < 1:
            raise ConfigError(f"expand must be at least 1, got {expand}")
        if kernel < 1 or kernel % 2 == 0:
            raise ConfigError(f"kernel must be odd, got {kernel}; 3 or 5 is usual")

    @classmethod
    def tally(
        cls,
        place: Place,
        /,
        *,
        expand: int = 6,
        kernel: int = 3,
        shortcut: str = "identity",
        squeeze: float = 0.0,
        **_: Any,
    ) -> Tally:
        """Count the closed form."""
        layers, at, before = place.layers, place.resolution_out, place.in_channels
        hidden = before * expand
        counted = conv_tally(layers, (before, hidden), at=place.resolution) if expand > 1 else Tally()
        counted += conv_tally(layers, (hidden, hidden), kernel, at=at, groups=hidden)
        counted += conv_tally(layers, (hidden, place.out_channels), at=at, then="norm")
        if shortcut == "projected" and place.stride == 1:
            counted += shortcut_tally(place)
        return counted + squeeze_tally(layers, hidden, squeeze, base=before)

    def forward(self, x: Tensor) -> Tensor:
        """Map (batch, in, height, width) to (batch, out, height / stride, width / stride)."""
        out: Tensor = self.drop_path(self.project(self.squeeze(self.depthwise(self.expand(x)))))
        return out if self.shortcut is None else out + self.shortcut(x)


def _shortcut(place: Place, kind: str) -> nn.Module | None:
    if place.stride != 1 or (kind == "identity" and place.is_reshaping):
        return None
    return shortcut(place)
