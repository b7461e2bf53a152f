"""Bottleneck residual block: 1x1, grouped 3x3, 1x1 (He et al., 2016; Xie et al., 2017)."""

from typing import Any, Literal

from torch import Tensor

from millinet.errors import ConfigError
from search_spaces.drop_path import drop_path
from search_spaces.part import Part, Place
from search_spaces.shortcuts import shortcut, shortcut_tally
from search_spaces.squeeze import squeeze_excitation
from search_spaces.tally import Tally, conv_tally, squeeze_tally


class Bottleneck(Part):
    """Narrow to a middle width, convolve there, and widen again.

    The middle width is `int(out / expand * width_per_group / 64) * groups`, as torchvision counts it for
    ResNeXt (groups) and Wide ResNet (Zagoruyko and Komodakis, 2016: a wider group).
    """

    def __init__(
        self,
        place: Place,
        *,
        expand: int = 4,
        groups: int = 1,
        width_per_group: int = 64,
        stride_at: Literal["3x3", "1x1"] = "3x3",
        squeeze: float = 0.0,
    ) -> None:
        super().__init__()
        layers, width = place.layers, place.out_channels
        middle = middle_width(width, expand=expand, groups=groups, width_per_group=width_per_group)
        early, late = (place.stride, 1) if stride_at == "1x1" else (1, place.stride)
        self.reduce = layers.conv((place.in_channels, middle), stride=early)
        self.middle = layers.conv((middle, middle), 3, stride=late, groups=groups)
        self.expand = layers.conv((middle, width), then="norm")
        self.squeeze = squeeze_excitation(width, squeeze, layers)
        self.drop_path = drop_path(place.drop_path)
        self.shortcut = shortcut(place)
        self.act = layers.activate()

    @classmethod
    def check(
        cls, width: int, /, *, expand: int = 4, groups: int = 1, width_per_group: int = 64, **others: Any
    ) -> None:
        """Reject a width the expansion does not divide, and a middle without channels."""
        super().check(width, **others)
        if expand < 1 or groups < 1 or width_per_group < 1:
            raise ConfigError(
                f"expand, groups and width_per_group must be at least 1, "
                f"got {expand}, {groups}, {width_per_group}"
            )
        if width % expand:
            raise ConfigError(f"expand must divide the width, got expand={expand} and width {width}")
        if middle_width(width, expand=expand, groups=groups, width_per_group=width_per_group) < 1:
            raise ConfigError(
                f"the middle must have a channel, got width={width}, expand={expand}, groups={groups}, "
                f"width_per_group={width_per_group}; raise width_per_group"
            )

    @classmethod
    def inner_widths(
        cls, width: int, /, *, expand: int = 4, groups: int = 1, width_per_group: int = 64, **_: Any
    ) -> tuple[int, ...]:
        """Return the width of the 3x3 convolution."""
        return (middle_width(width, expand=expand, groups=groups, width_per_group=width_per_group),)

    @classmethod
    def tally(
        cls,
        place: Place,
        /,
        *,
        expand: int = 4,
        groups: int = 1,
        width_per_group: int = 64,
        stride_at: str = "3x3",
        squeeze: float = 0.0,
        **_: Any,
    ) -> Tally:
        """Count the closed form."""
        layers, width, at = place.layers, place.out_channels, place.resolution_out
        middle = middle_width(width, expand=expand, groups=groups, width_per_group=width_per_group)
        early = at if stride_at == "1x1" else place.resolution
        inner = conv_tally(layers, (place.in_channels, middle), at=early)
        inner += conv_tally(layers, (middle, middle), 3, at=at, groups=groups)
        outer = conv_tally(layers, (middle, width), at=at, then="norm") + shortcut_tally(place)
        return inner + outer + squeeze_tally(layers, width, squeeze)

    def forward(self, x: Tensor) -> Tensor:
        """Map (batch, in, height, width) to (batch, out, height / stride, width / stride)."""
        out: Tensor = self.drop_path(self.squeeze(self.expand(self.middle(self.reduce(x)))))
        out += self.shortcut(x)
        return self.act(out)


def middle_width(width: int, *, expand: int, groups: int, width_per_group: int) -> int:
    """Count the channels of the 3x3 convolution."""
    return width // expand * width_per_group // 64 * groups
