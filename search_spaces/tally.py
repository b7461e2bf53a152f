"""Closed forms of what layers cost: parameters, and multiply-adds for one image."""

from dataclasses import dataclass
from math import prod

from search_spaces.layers import Layers, Then, has_bias


@dataclass(frozen=True, slots=True)
class Tally:
    """A count that adds up."""

    parameters: int = 0
    macs: int = 0

    def __add__(self, other: "Tally") -> "Tally":
        return Tally(self.parameters + other.parameters, self.macs + other.macs)

    def __mul__(self, times: int) -> "Tally":
        return Tally(self.parameters * times, self.macs * times)


def conv_tally(
    layers: Layers,
    channels: tuple[int, int],
    kernel: int = 1,
    *,
    at: tuple[int, int] = (1, 1),
    groups: int = 1,
    then: Then = "norm+act",
) -> Tally:
    """Count what `Layers.conv` makes, at an output resolution."""
    weights = channels[0] // groups * channels[1] * kernel**2
    is_normed = then.startswith("norm") and layers.norm != "none"
    bias = channels[1] if has_bias(is_normed=is_normed, rule=layers.bias) else 0
    return Tally(weights + bias, weights * prod(at)) + (
        norm_tally(layers, channels[1]) if is_normed else Tally()
    )


def norm_tally(layers: Layers, channels: int) -> Tally:
    """Count a norm: a scale and a shift a channel."""
    return Tally(0 if layers.norm == "none" else 2 * channels)


def linear_tally(num_in: int, num_out: int) -> Tally:
    """Count a linear layer with bias."""
    return Tally(num_in * num_out + num_out, num_in * num_out)


def squeeze_tally(layers: Layers, channels: int, ratio: float, *, base: int | None = None) -> Tally:
    """Count what `squeeze_excitation` makes."""
    if ratio == 0.0:
        return Tally()
    squeezed = max(1, int((base or channels) * ratio))
    narrow = conv_tally(layers, (channels, squeezed), then="act")
    return narrow + conv_tally(layers, (squeezed, channels), then="")
