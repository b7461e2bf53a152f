"""What a stem, a block and a head have in common: where they stand, and what they hand on."""

from dataclasses import dataclass, field
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from millinet.errors import ConfigError
from search_spaces.layers import Layers
from search_spaces.tally import Tally

Streams = Tensor | tuple[Tensor, ...]
"""What flows between blocks: one tensor, or several that a dual path keeps apart."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Place:
    """Where a part stands in its network: what comes in and what is to go out."""

    in_channels: int
    """Channels that arrive; of all streams together."""
    out_channels: int
    """Width asked for; for a head, the number of classes."""
    resolution: tuple[int, int]
    """Height and width of the arriving feature map, in pixels."""
    stride: int = 1
    """Factor by which the part shrinks height and width."""
    index: int = 0
    """Position of the block within its stage, counted from 0."""
    streams: tuple[int, ...] = ()
    """Channels of each stream where several arrive."""
    drop_path: float = 0.0
    """Rate of stochastic depth here, in [0, 1)."""
    layers: Layers = field(default_factory=Layers)
    """Norm, activation and bias of the network."""

    @property
    def resolution_out(self) -> tuple[int, int]:
        """Height and width after a padded stride."""
        return shrunk(self.resolution, self.stride)

    @property
    def is_reshaping(self) -> bool:
        """Whether input and output differ in shape, so that a plain addition is impossible."""
        return self.stride != 1 or self.in_channels != self.out_channels


class Outgoing(NamedTuple):
    """What a part hands to the next."""

    channels: int
    resolution: tuple[int, int]
    streams: tuple[int, ...] = ()
    """Channels of each stream where it hands on several; they sum to `channels`."""


class Part(nn.Module):
    """A stem, block or head: built from its `Place`; its options are its keyword-only arguments.

    An option is an int, float, bool or str (or a `Literal` of such) with a default. A subclass overrides
    `check` where options and width restrict each other, and `outgoing` where it hands on anything but the
    width asked for at the resolution divided by the stride, rounded up.
    """

    @classmethod
    def check(cls, _: int, /, **options: Any) -> None:
        """Reject options that cannot work together at a width, the first argument.

        What is checked here is common to all parts: `squeeze` and `dropout` are fractions.

        Raises:
            ConfigError: If they cannot; the message gives the numbers.
        """
        for name in ("squeeze", "dropout"):
            value = options.get(name, 0.0)
            if not 0.0 <= value <= 1.0:
                raise ConfigError(f"{name} must be a fraction in [0, 1], got {value}")

    @classmethod
    def inner_widths(cls, _: int, /, **__: Any) -> tuple[int, ...]:
        """List the channel counts inside the part that its width and options alone decide.

        A space holds them to multiples that the device likes, as it does the width itself. A count that the
        arriving channels decide by a whole factor is such a multiple already, and is not listed.
        """
        return ()

    @classmethod
    def outgoing(cls, place: Place, /, **_: Any) -> Outgoing:
        """Say what the part hands on, without building it."""
        return Outgoing(place.out_channels, shrunk(place.resolution, place.stride))

    @classmethod
    def tally(cls, _: Place, /, **__: Any) -> Tally | None:
        """Count parameters and multiply-adds in closed form; None has them counted on the meta device."""
        return None


def shrunk(resolution: tuple[int, int], stride: int) -> tuple[int, int]:
    """Divide height and width by `stride`, rounding up, as a padded convolution does."""
    return -(-resolution[0] // stride), -(-resolution[1] // stride)


class Join(nn.Module):
    """Ends a stage that hands on several streams."""

    def forward(self, streams: Streams) -> Tensor:
        """Concatenate the streams along the channels."""
        return joined(streams)


def joined(streams: Streams) -> Tensor:
    """Concatenate streams along the channels; one tensor passes as it is."""
    return torch.cat(streams, dim=1) if isinstance(streams, tuple) else streams
