"""The head of VGG: a grid of pooled features and two hidden layers (Simonyan and Zisserman, 2015)."""

from typing import Any

from torch import Tensor, nn

from millinet.errors import ConfigError
from search_spaces.part import Part, Place
from search_spaces.tally import Tally, linear_tally


class Perceptron(Part):
    """Halve the feature map, pool it to a grid, and classify it by three linear layers with dropout."""

    def __init__(self, place: Place, *, hidden: int = 4096, grid: int = 7, dropout: float = 0.5) -> None:
        super().__init__()
        self.pool = nn.Sequential(_halving(place), nn.AdaptiveAvgPool2d(grid), nn.Flatten())
        self.classify = nn.Sequential(
            nn.Linear(place.in_channels * grid**2, hidden),
            nn.ReLU(inplace=True),
            nn.Dropout(dropout),
            nn.Linear(hidden, hidden),
            nn.ReLU(inplace=True),
            nn.Dropout(dropout),
            nn.Linear(hidden, place.out_channels),
        )

    @classmethod
    def check(cls, width: int, /, *, hidden: int = 4096, grid: int = 7, **others: Any) -> None:
        """Reject an empty grid or layer."""
        super().check(width, **others)
        if hidden < 1 or grid < 1:
            raise ConfigError(f"hidden and grid must be at least 1, got {hidden} and {grid}")

    @classmethod
    def tally(cls, place: Place, /, *, hidden: int = 4096, grid: int = 7, **_: Any) -> Tally:
        """Count the closed form."""
        first = linear_tally(place.in_channels * grid**2, hidden)
        return first + linear_tally(hidden, hidden) + linear_tally(hidden, place.out_channels)

    def forward(self, x: Tensor) -> Tensor:
        """Map features (batch, channels, height, width) to logits (batch, classes)."""
        return self.classify(self.pool(x))


def _halving(place: Place) -> nn.Module:
    # A map of one pixel a side cannot be halved; the grid repeats it instead.
    return nn.MaxPool2d(2) if min(place.resolution) > 1 else nn.Identity()
