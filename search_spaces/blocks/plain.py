"""Plain block: one convolution, as VGG stacks them (Simonyan and Zisserman, 2015)."""

from typing import Any, Literal

from torch import Tensor, nn

from millinet.errors import ConfigError
from search_spaces.downsampling import downsampled, step_of
from search_spaces.layers import Then
from search_spaces.part import Outgoing, Part, Place
from search_spaces.squeeze import squeeze_excitation
from search_spaces.tally import Tally, conv_tally, squeeze_tally


class Plain(Part):
    """A convolution with norm and activation, or with one of them; stride 2 is a max-pool before it."""

    def __init__(
        self,
        place: Place,
        *,
        kernel: int = 3,
        then: Literal["norm+act", "norm", "act"] = "norm+act",
        squeeze: float = 0.0,
    ) -> None:
        super().__init__()
        channels = (place.in_channels, place.out_channels)
        self.pool = nn.MaxPool2d(step_of(place)) if place.stride == 2 else nn.Identity()
        self.conv = place.layers.conv(channels, kernel, then=then)
        self.squeeze = squeeze_excitation(place.out_channels, squeeze, place.layers)

    @classmethod
    def check(cls, width: int, /, *, kernel: int = 3, **others: Any) -> None:
        """Reject an even kernel."""
        super().check(width, **others)
        if kernel < 1 or kernel % 2 == 0:
            raise ConfigError(f"kernel must be odd, got {kernel}; 3 is usual")

    @classmethod
    def outgoing(cls, place: Place, /, **_: Any) -> Outgoing:
        """Divide the resolution by the stride, rounding down, as the pool does."""
        return downsampled(place)

    @classmethod
    def tally(
        cls, place: Place, /, *, kernel: int = 3, then: Then = "norm+act", squeeze: float = 0.0, **_: Any
    ) -> Tally:
        """Count the closed form."""
        channels, at = (place.in_channels, place.out_channels), downsampled(place).resolution
        conv = conv_tally(place.layers, channels, kernel, at=at, then=then)
        return conv + squeeze_tally(place.layers, place.out_channels, squeeze)

    def forward(self, x: Tensor) -> Tensor:
        """Map (batch, in, height, width) to (batch, out, height / stride, width / stride)."""
        return self.squeeze(self.conv(self.pool(x)))
