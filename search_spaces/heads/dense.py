"""The dense head: pool, and one linear layer."""

from typing import Any, Literal

from torch import Tensor, nn

from millinet.errors import ConfigError
from search_spaces.part import Part, Place
from search_spaces.tally import Tally, conv_tally, linear_tally, norm_tally


class Dense(Part):
    """Average over the image, then classify linearly.

    `features` inserts a 1x1 convolution of that many channels before the pooling (MobileNetV2 has 1,280);
    `closing` adds a norm and that activation before it (networks whose norms come first need one);
    `normed` a layer norm after it (ConvNeXt); `dropout` is the fraction of pooled features dropped while
    training.
    """

    def __init__(
        self,
        place: Place,
        *,
        features: int = 0,
        closing: Literal["none", "relu", "elu"] = "none",
        normed: bool = False,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        channels = features or place.in_channels
        self.features = place.layers.conv((place.in_channels, channels)) if features else nn.Identity()
        self.closing = _closing(place, channels, closing)
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.flatten = nn.Flatten()
        self.norm = nn.LayerNorm(channels, eps=place.layers.norm_eps) if normed else nn.Identity()
        self.dropout = nn.Dropout(dropout) if dropout else nn.Identity()
        self.classify = nn.Linear(channels, place.out_channels)

    @classmethod
    def check(cls, width: int, /, *, features: int = 0, **others: Any) -> None:
        """Reject a negative width."""
        super().check(width, **others)
        if features < 0:
            raise ConfigError(f"features must be 0 (none) or a channel count, got {features}")

    @classmethod
    def inner_widths(cls, _: int, /, *, features: int = 0, **__: Any) -> tuple[int, ...]:
        """Return the width of the convolution before the pooling, where there is one."""
        return (features,) if features else ()

    @classmethod
    def tally(
        cls, place: Place, /, *, features: int = 0, closing: str = "none", normed: bool = False, **_: Any
    ) -> Tally:
        """Count the closed form."""
        channels = features or place.in_channels
        counted = linear_tally(channels, place.out_channels) + Tally(2 * channels if normed else 0)
        if features:
            counted += conv_tally(place.layers, (place.in_channels, features), at=place.resolution)
        return counted + (norm_tally(place.layers, channels) if closing != "none" else Tally())

    def forward(self, x: Tensor) -> Tensor:
        """Map features (batch, channels, height, width) to logits (batch, classes)."""
        pooled = self.flatten(self.pool(self.closing(self.features(x))))
        return self.classify(self.dropout(self.norm(pooled)))


def _closing(place: Place, channels: int, activation: str) -> nn.Module:
    if activation == "none":
        return nn.Identity()
    act = nn.ELU() if activation == "elu" else nn.ReLU(inplace=True)
    return nn.Sequential(place.layers.normalise(channels), act)
