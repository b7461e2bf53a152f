"""The path around a block: identity where shapes agree, a projection where they do not."""

from torch import nn

from search_spaces.part import Place


def shortcut(place: Place) -> nn.Module:
    """Return the identity, or a 1x1 convolution with norm where the shape changes (He et al., 2016)."""
    if not place.is_reshaping:
        return nn.Identity()
    return place.layers.conv((place.in_channels, place.out_channels), 1, stride=place.stride, then="norm")
