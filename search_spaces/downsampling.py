"""The step between stages of ConvNeXt and HorNet: a norm, then a convolution whose kernel is its stride."""

from collections import OrderedDict
from math import prod

from torch import nn

from search_spaces.part import Outgoing, Place
from search_spaces.tally import Tally, norm_tally


def downsampling(place: Place) -> nn.Module:
    """Make the step, or the identity where shapes agree; it carries a bias, for no norm follows."""
    if not place.is_reshaping:
        return nn.Identity()
    channels, step = (place.in_channels, place.out_channels), step_of(place)
    return nn.Sequential(
        OrderedDict(
            norm=place.layers.normalise(place.in_channels),
            conv=nn.Conv2d(*channels, step, step),
        )
    )


def downsampled(place: Place) -> Outgoing:
    """Say what a block hands on that begins with this step: an unpadded kernel rounds down."""
    (height, width), (down, right) = place.resolution, step_of(place)
    return Outgoing(place.out_channels, (height // down, width // right))


def step_of(place: Place) -> tuple[int, int]:
    """Return the stride in both directions: one where the map is one pixel wide, as with padded kernels."""
    return min(place.stride, place.resolution[0]), min(place.stride, place.resolution[1])


def downsampling_tally(place: Place) -> Tally:
    """Count the step."""
    if not place.is_reshaping:
        return Tally()
    weights = place.in_channels * place.out_channels * prod(step_of(place))
    pixels = prod(downsampled(place).resolution)
    return Tally(weights + place.out_channels, weights * pixels) + norm_tally(place.layers, place.in_channels)
