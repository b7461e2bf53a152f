"""The layers every part of a network is made of: convolution, norm and activation, and the bias rule."""

from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Final, Literal

import torch.nn.functional as F  # noqa: N812 - torch's own name for it
from torch import Tensor, nn

from millinet.errors import ConfigError
from millinet.tables import pick

Then = Literal["norm+act", "norm", "act", ""]
"""What follows a convolution."""


class ChannelNorm(nn.LayerNorm):
    """Layer norm over the channels of (batch, channels, height, width), each pixel for itself.

    A subclass of `nn.LayerNorm`, so that whatever prunes or counts a layer norm knows this one too.
    """

    def forward(self, x: Tensor) -> Tensor:
        """Normalise every pixel's channel vector."""
        normed = F.layer_norm(x.permute(0, 2, 3, 1), self.normalized_shape, self.weight, self.bias, self.eps)
        return normed.permute(0, 3, 1, 2)


def group_norm(channels: int, *, eps: float = 1e-5) -> nn.GroupNorm:
    """Group norm with the largest number of groups, at most 32, that divides `channels` (Wu and He, 2018)."""
    num_groups = next(groups for groups in range(min(32, channels), 0, -1) if channels % groups == 0)
    return nn.GroupNorm(num_groups, channels, eps=eps)


NORMS: Final[Mapping[str, Callable[..., nn.Module]]] = {
    "batch": nn.BatchNorm2d,
    "group": group_norm,
    "layer": ChannelNorm,
    "none": nn.Identity,
}
ACTIVATIONS: Final[Mapping[str, Callable[[], nn.Module]]] = {
    "relu": lambda: nn.ReLU(inplace=True),
    "relu6": lambda: nn.ReLU6(inplace=True),
    "silu": lambda: nn.SiLU(inplace=True),
    "hardswish": lambda: nn.Hardswish(inplace=True),
    "gelu": nn.GELU,
    "none": nn.Identity,
}


def has_bias(*, is_normed: bool, rule: Literal["auto", "always"]) -> bool:
    """Tell whether a convolution carries a bias: not where a norm with its own shift follows.

    Args:
        is_normed: Whether a norm layer follows directly.
        rule: `always` keeps the bias before a norm too, as VGG and ConvNeXt do in their references.
    """
    return rule == "always" or not is_normed


@dataclass(frozen=True, kw_only=True, slots=True)
class Layers:
    """Which norm, activation and bias the convolutions of a network get."""

    norm: str = "batch"
    """A name in `NORMS`."""
    activation: str = "relu"
    """A name in `ACTIVATIONS`."""
    norm_eps: float = 1e-5
    """Added to the variance in every norm."""
    bias: Literal["auto", "always"] = "auto"
    """`auto`: none where a norm follows; `always`: also there."""
    drop_path: float = 0.0
    """Rate of stochastic depth at the last block, rising linearly from 0 at the first; in [0, 1)."""

    def __post_init__(self) -> None:
        pick("norm", self.norm, NORMS)
        pick("activation", self.activation, ACTIVATIONS)
        if self.bias not in ("auto", "always"):
            raise ConfigError(f"bias must be 'auto' or 'always', got {self.bias!r}")
        if not 0.0 < self.norm_eps < 1.0:
            raise ConfigError(f"norm_eps must be in (0, 1), got {self.norm_eps}; 1e-5 is usual")
        if not 0.0 <= self.drop_path < 1.0:
            raise ConfigError(f"drop_path must be a fraction in [0, 1), got {self.drop_path}")

    @property
    def bounding(self) -> "Layers":
        """The same with a norm that bounds every single image, for blocks that multiply features.

        Batch norm bounds an image only as far as its statistics fit; until they do, in eval mode before
        training, products of products overflow. Layer norm takes its place, as HorNet has it.
        """
        return replace(self, norm="layer") if self.norm == "batch" else self

    def normalise(self, channels: int) -> nn.Module:
        """Make the norm layer for `channels` channels."""
        return nn.Identity() if self.norm == "none" else NORMS[self.norm](channels, eps=self.norm_eps)

    def activate(self) -> nn.Module:
        """Make the activation."""
        return ACTIVATIONS[self.activation]()

    def conv(
        self,
        channels: tuple[int, int],
        kernel: int = 1,
        *,
        stride: int = 1,
        groups: int = 1,
        then: Then = "norm+act",
    ) -> nn.Sequential:
        """Make a convolution, padded to keep the size at stride 1, and what follows it.

        Args:
            channels: Input and output channels.
            kernel: Side of the square kernel, in pixels.
            stride: Step of the kernel, in pixels.
            groups: Number of groups; it divides both channel counts.
            then: What follows: norm and activation, either, or neither.
        """
        is_normed = then.startswith("norm") and self.norm != "none"
        bias = has_bias(is_normed=is_normed, rule=self.bias)
        layers: OrderedDict[str, nn.Module] = OrderedDict()
        layers["conv"] = nn.Conv2d(*channels, kernel, stride, kernel // 2, groups=groups, bias=bias)
        if is_normed:
            layers["norm"] = self.normalise(channels[1])
        if then.endswith("act") and self.activation != "none":
            layers["act"] = self.activate()
        return nn.Sequential(layers)
