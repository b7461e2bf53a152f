"""Dual path block with norms before the convolutions, the form for large images (Chen et al., 2017)."""

from collections import OrderedDict
from math import prod
from typing import Any

import torch
from torch import nn

from search_spaces.blocks.dual_path import DualPath, dual_outgoing
from search_spaces.merging import SideBySide
from search_spaces.part import Outgoing, Part, Place, Streams, joined
from search_spaces.squeeze import squeeze_excitation
from search_spaces.tally import Tally, norm_tally, squeeze_tally


class DualPathPre(Part):
    """Norm, activation, convolution, three times; the last convolution is one for each path.

    The first block of a stage starts the dense path with twice `dense` channels, as the reference does.
    """

    def __init__(
        self, place: Place, *, middle: int = 96, dense: int = 16, groups: int = 32, squeeze: float = 0.0
    ) -> None:
        super().__init__()
        incoming, width, stride = place.in_channels, place.out_channels, place.stride
        self.is_first = place.index == 0
        if self.is_first:
            self.project_norm = _normed(place, incoming)
            self.project_residual = nn.Conv2d(incoming, width, 1, stride, bias=False)
            self.project_dense = nn.Conv2d(incoming, 2 * dense, 1, stride, bias=False)
        self.reduce_norm = _normed(place, incoming)
        self.reduce = nn.Conv2d(incoming, middle, 1, bias=False)
        self.middle_norm = _normed(place, middle)
        self.middle = nn.Conv2d(middle, middle, 3, stride, 1, groups=groups, bias=False)
        self.squeeze = squeeze_excitation(middle, squeeze, place.layers)
        self.out_norm = _normed(place, middle)
        self.to_residual = nn.Conv2d(middle, width, 1, bias=False)
        self.to_dense = nn.Conv2d(middle, dense, 1, bias=False)

    @classmethod
    def check(cls, width: int, /, **options: Any) -> None:
        """Reject what the other dual path block rejects."""
        DualPath.check(width, **options)

    @classmethod
    def inner_widths(cls, width: int, /, **options: Any) -> tuple[int, ...]:
        """Return those of the other dual path block."""
        return DualPath.inner_widths(width, **options)

    @classmethod
    def outgoing(cls, place: Place, /, *, dense: int = 16, **_: Any) -> Outgoing:
        """Hand on the residual path and a dense path that has grown."""
        return dual_outgoing(place, grown_by=3 * dense if place.index == 0 else dense)

    @classmethod
    def tally(
        cls,
        place: Place,
        /,
        *,
        middle: int = 96,
        dense: int = 16,
        groups: int = 32,
        squeeze: float = 0.0,
        **_: Any,
    ) -> Tally:
        """Count the closed form."""
        layers, before, width = place.layers, place.in_channels, place.out_channels
        pixels, later = prod(place.resolution), prod(place.resolution_out)
        counted = norm_tally(layers, before) + norm_tally(layers, middle) * 2
        counted += _weights_tally(before * middle, pixels)
        counted += _weights_tally(middle * middle // groups * 9 + middle * (width + dense), later)
        if place.index == 0:
            counted += norm_tally(layers, before) + _weights_tally(before * (width + 2 * dense), later)
        return counted + squeeze_tally(layers, middle, squeeze)

    def forward(self, streams: Streams) -> Streams:
        """Map the two paths, or one tensor (batch, in, height, width) at the first block, to two paths."""
        x = joined(streams)
        if self.is_first:
            normed = self.project_norm(x)
            residual, dense = self.project_residual(normed), self.project_dense(normed)
        else:
            residual, dense = streams
        inner = self.squeeze(self.middle(self.middle_norm(self.reduce(self.reduce_norm(x)))))
        inner = self.out_norm(inner)
        return residual + self.to_residual(inner), torch.cat((dense, self.to_dense(inner)), dim=1)

    @torch.no_grad()
    def deployed(self) -> nn.Module:
        """Return the block with one convolution for both paths."""
        return DeployedDualPathPre(self)


class DeployedDualPathPre(nn.Module):
    """A dual path block with norms before the convolutions, and one convolution for both paths."""

    def __init__(self, block: DualPathPre) -> None:
        super().__init__()
        self.project: nn.Module = nn.Identity()
        if block.is_first:
            both = SideBySide(block.project_residual, block.project_dense)
            self.project = nn.Sequential(block.project_norm, both)
        self.inner = nn.Sequential(
            block.reduce_norm, block.reduce, block.middle_norm, block.middle, block.squeeze, block.out_norm
        )
        self.out = SideBySide(block.to_residual, block.to_dense)

    def forward(self, streams: Streams) -> Streams:
        """Map what the block maps."""
        x = joined(streams)
        residual, dense = self.project(streams)
        to_residual, to_dense = self.out(self.inner(x))
        return residual + to_residual, torch.cat((dense, to_dense), dim=1)


def _normed(place: Place, channels: int) -> nn.Sequential:
    return nn.Sequential(OrderedDict(norm=place.layers.normalise(channels), act=place.layers.activate()))


def _weights_tally(num_weights: int, num_pixels: int) -> Tally:
    return Tally(num_weights, num_weights * num_pixels)
