"""HorNet block: recursive gated convolution (Rao et al., "HorNet", 2022)."""

from itertools import pairwise
from typing import Any, Literal

import torch
from torch import Tensor, nn

from millinet.errors import ConfigError
from search_spaces.downsampling import downsampled, downsampling, downsampling_tally
from search_spaces.drop_path import drop_path
from search_spaces.global_filter import GlobalLocalFilter, filter_tally
from search_spaces.layer_scale import LayerScale
from search_spaces.layers import Layers
from search_spaces.merging import SideBySide, convolution, merged
from search_spaces.part import Outgoing, Part, Place
from search_spaces.squeeze import squeeze_excitation
from search_spaces.tally import Tally, conv_tally, norm_tally, squeeze_tally

Filter = Literal["depthwise", "global-local"]


class GatedConv(nn.Module):
    """Order-n gated convolution: each order's features are multiplied into the next, wider ones.

    The paper splits one wide projection and one wide depthwise convolution by order. Here each order has its
    own of both, which computes the same and lets pruning follow every channel; deployed, they are one again.
    """

    def __init__(
        self,
        channels: int,
        order: int,
        layers: Layers,
        *,
        scale: float,
        global_local: GlobalLocalFilter | None,
    ) -> None:
        super().__init__()
        widths = order_widths(channels, order)
        self.scale = scale
        self.gate = layers.conv((channels, widths[0]), then="")
        self.inputs = nn.ModuleList(layers.conv((channels, width), then="") for width in widths)
        self.global_local = global_local
        self.depthwise = nn.ModuleList(
            nn.Identity() if global_local else layers.conv((width, width), 7, groups=width, then="")
            for width in widths
        )
        self.raise_order = nn.ModuleList(layers.conv(pair, then="") for pair in pairwise(widths))
        self.out = layers.conv((channels, channels), then="")

    def forward(self, x: Tensor) -> Tensor:
        """Map (batch, channels, height, width) to the same shape."""
        spread = self._spread([project(x) for project in self.inputs])
        out = self.gate(x) * spread[0]
        for raise_order, features in zip(self.raise_order, spread[1:], strict=True):
            out = raise_order(out) * features
        return self.out(out)

    def _spread(self, orders: list[Tensor]) -> list[Tensor]:
        if self.global_local is not None:
            return [features * self.scale for features in self.global_local(orders)]
        return [conv(features) * self.scale for conv, features in zip(self.depthwise, orders, strict=True)]

    @torch.no_grad()
    def deployed(self) -> nn.Module:
        """Return the form with one projection and one filter for all orders."""
        return DeployedGatedConv(self)


class DeployedGatedConv(nn.Module):
    """A gated convolution with one projection and one filter for all orders."""

    def __init__(self, gated: GatedConv) -> None:
        super().__init__()
        inputs = SideBySide(*gated.inputs)
        self.project, self.widths = SideBySide(gated.gate, inputs.conv), inputs.widths
        self.scale, self.global_local = gated.scale, gated.global_local
        self.depthwise: nn.Module = nn.Identity()
        if gated.global_local is None:
            kernels, biases = zip(*map(merged, gated.depthwise), strict=True)
            self.depthwise = convolution(
                torch.cat(kernels) * gated.scale,
                torch.cat(biases) * gated.scale,
                padding=3,
                groups=sum(self.widths),
            )
        self.raise_order, self.out = gated.raise_order, gated.out

    def forward(self, x: Tensor) -> Tensor:
        """Map (batch, channels, height, width) to the same shape."""
        gate, features = self.project(x)
        spread = torch.split(self._spread(features), self.widths, dim=1)
        out = gate * spread[0]
        for raise_order, order in zip(self.raise_order, spread[1:], strict=True):
            out = raise_order(out) * order
        return self.out(out)

    def _spread(self, features: Tensor) -> Tensor:
        if self.global_local is not None:
            return self.global_local([features])[0] * self.scale
        return self.depthwise(features)


class GnConv(Part):
    """Gated convolution and a perceptron on the channels, each a residual branch with layer scale.

    Features are multiplied up to `order` times, so batch norm gives way to layer norm here.
    """

    def __init__(
        self,
        place: Place,
        *,
        order: int = 3,
        expand: int = 4,
        scale: float = 1e-6,
        filter: Filter = "depthwise",  # noqa: A002 - the paper's word for it
        squeeze: float = 0.0,
    ) -> None:
        super().__init__()
        layers, width = place.layers.bounding, place.out_channels
        channels = sum(order_widths(width, order))
        resolution = downsampled(place).resolution
        spread = GlobalLocalFilter(channels, resolution) if filter == "global-local" else None
        self.downsample = downsampling(place)
        self.first_scale, self.second_scale = LayerScale(width, scale), LayerScale(width, scale)
        self.first_norm, self.second_norm = layers.normalise(width), layers.normalise(width)
        self.gated = GatedConv(width, order, layers, scale=1 / 3, global_local=spread)
        self.squeeze = squeeze_excitation(width, squeeze, layers)
        self.expand = layers.conv((width, expand * width), then="")
        self.act = nn.GELU()
        self.project = layers.conv((expand * width, width), then="")
        self.drop_path = drop_path(place.drop_path)

    @classmethod
    def check(
        cls,
        width: int,
        /,
        *,
        order: int = 3,
        expand: int = 4,
        filter: str = "depthwise",  # noqa: A002
        **others: Any,
    ) -> None:
        """Reject orders outside 2 to 5 and widths that do not halve so often."""
        super().check(width, **others)
        if not 2 <= order <= 5:
            raise ConfigError(f"order must be 2 to 5, got {order}")
        if expand < 1:
            raise ConfigError(f"expand must be at least 1, got {expand}")
        if width % 2 ** (order - 1):
            raise ConfigError(f"order {order} halves the width {order - 1} times, got width {width}")
        if filter == "global-local" and sum(order_widths(width, order)) % 2:
            raise ConfigError(f"the global-local filter needs an even sum of orders, got width {width}")

    @classmethod
    def inner_widths(
        cls,
        width: int,
        /,
        *,
        order: int = 3,
        filter: str = "depthwise",  # noqa: A002
        **_: Any,
    ) -> tuple[int, ...]:
        """Return the width of every order, and of the half that is filtered locally."""
        widths = order_widths(width, order)
        return (*widths, sum(widths) // 2) if filter == "global-local" else tuple(widths)

    @classmethod
    def tally(
        cls,
        place: Place,
        /,
        *,
        order: int = 3,
        expand: int = 4,
        filter: str = "depthwise",  # noqa: A002
        squeeze: float = 0.0,
        **_: Any,
    ) -> Tally:
        """Count the closed form."""
        layers, width, at = place.layers, place.out_channels, downsampled(place).resolution
        orders = order_widths(width, order)
        joint = sum(orders)
        counted = downsampling_tally(place) + norm_tally(layers, width) * 2 + Tally(2 * width)
        counted += conv_tally(layers, (width, orders[0] + joint), at=at, then="")
        if filter == "global-local":
            counted += filter_tally(joint, at)
        else:
            counted += conv_tally(layers, (joint, joint), 7, at=at, groups=joint, then="")
        for pair in (*pairwise(orders), (width, width), (width, expand * width), (expand * width, width)):
            counted += conv_tally(layers, pair, at=at, then="")
        return counted + squeeze_tally(layers, width, squeeze)

    @classmethod
    def outgoing(cls, place: Place, /, **_: Any) -> Outgoing:
        """Divide the resolution by the stride, rounding down."""
        return downsampled(place)

    def forward(self, x: Tensor) -> Tensor:
        """Map (batch, in, height, width) to (batch, out, height / stride, width / stride)."""
        x = self.downsample(x)
        x = x + self.drop_path(self.first_scale(self.squeeze(self.gated(self.first_norm(x)))))
        branch = self.project(self.act(self.expand(self.second_norm(x))))
        return x + self.drop_path(self.second_scale(branch))


def order_widths(width: int, order: int) -> list[int]:
    """Channels of each order, doubling up to the full width."""
    return [width // 2**halvings for halvings in range(order - 1, -1, -1)]
