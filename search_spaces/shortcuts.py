"""The path around a block: identity where shapes agree, a projection where they do not."""

from torch import nn

from search_spaces.part import Place
from search_spaces.tally import Tally, conv_tally


def shortcut(place: Place) -> nn.Module:
    """Return the identity, or a 1x1 convolution with norm where the shape changes (He et al., 2016)."""
    if not place.is_reshaping:
        return nn.Identity()
    return place.layers.conv((place.in_channels, place.out_channels), 1, stride=place.stride, then="norm")


def shortcut_tally(place: Place) -> Tally:
    """Count what `shortcut` makes."""
    if not place.is_reshaping:
        return Tally()
    channels = (place.in_channels, place.out_channels)
    return conv_tally(place.layers, channels, at=place.resolution_out, then="norm")
