"""Deep stem: three 3x3 convolutions instead of one 7x7, then max-pooling (Zhao et al., 2017)."""

from typing import Any

from torch import Tensor, nn

from millinet.errors import ConfigError
from search_spaces.part import Outgoing, Part, Place, shrunk
from search_spaces.tally import Tally, conv_tally


class Deep(Part):
    """Two convolutions at half the width, one at the full width, and a pool: a quarter of the resolution."""

    def __init__(self, place: Place) -> None:
        super().__init__()
        layers, width = place.layers, place.out_channels
        self.first = layers.conv((place.in_channels, width // 2), 3, stride=2)
        self.second = layers.conv((width // 2, width // 2), 3)
        self.third = layers.conv((width // 2, width), 3)
        self.pool = nn.MaxPool2d(3, 2, 1)

    @classmethod
    def check(cls, width: int, /, **_: Any) -> None:
        """Reject an odd width."""
        if width % 2:
            raise ConfigError(f"the width of a deep stem must be even, got {width}")

    @classmethod
    def inner_widths(cls, width: int, /, **_: Any) -> tuple[int, ...]:
        """Return the width of the first two convolutions."""
        return (width // 2,)

    @classmethod
    def outgoing(cls, place: Place, /, **_: Any) -> Outgoing:
        """Quarter the resolution."""
        return Outgoing(place.out_channels, shrunk(place.resolution, 4))

    @classmethod
    def tally(cls, place: Place, /, **_: Any) -> Tally:
        """Count the closed form."""
        half, at = place.out_channels // 2, shrunk(place.resolution, 2)
        pairs = ((place.in_channels, half), (half, half), (half, place.out_channels))
        return sum((conv_tally(place.layers, pair, 3, at=at) for pair in pairs), Tally())

    def forward(self, x: Tensor) -> Tensor:
        """Map (batch, in, height, width) to (batch, out, height / 4, width / 4)."""
        return self.pool(self.third(self.second(self.first(x))))
