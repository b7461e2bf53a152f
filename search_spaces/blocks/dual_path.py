"""Dual path block: part of the channels add, the rest concatenate (Chen et al., 2017)."""

from typing import Any

import torch
from torch import Tensor, nn

from millinet.errors import ConfigError
from search_spaces.merging import SideBySide, is_mergeable
from search_spaces.part import Outgoing, Part, Place, Streams, joined, shrunk
from search_spaces.squeeze import squeeze_excitation
from search_spaces.tally import Tally, conv_tally, squeeze_tally


class DualPath(Part):
    """1x1, grouped 3x3, and one 1x1 for each path, with norms after the convolutions.

    The stage's width is that of the residual path; each block appends `dense` channels to the dense path. The
    paths are two tensors all the way, so no channel is ever sliced out and pruning stays exact. Deployed, the
    convolutions that read the same are one again.
    """

    def __init__(
        self, place: Place, *, middle: int = 96, dense: int = 16, groups: int = 32, squeeze: float = 0.0
    ) -> None:
        super().__init__()
        layers, stride, width = place.layers, place.stride, place.out_channels
        self.reduce = layers.conv((place.in_channels, middle))
        self.middle = layers.conv((middle, middle), 3, stride=stride, groups=groups)
        self.squeeze = squeeze_excitation(middle, squeeze, layers)
        self.to_residual = layers.conv((middle, width), then="norm")
        self.to_dense = layers.conv((middle, dense), then="norm")
        self.is_first = place.index == 0
        if self.is_first:
            self.project_residual = layers.conv((place.in_channels, width), stride=stride, then="norm")
            self.project_dense = layers.conv((place.in_channels, dense), stride=stride, then="norm")
        self.act = layers.activate()

    @classmethod
    def check(
        cls, width: int, /, *, middle: int = 96, dense: int = 16, groups: int = 32, **others: Any
    ) -> None:
        """Reject groups that do not divide the middle width, and an empty dense path."""
        super().check(width, **others)
        if middle < 1 or dense < 1 or groups < 1:
            raise ConfigError(f"middle, dense and groups must be at least 1, got {middle}, {dense}, {groups}")
        if middle % groups:
            raise ConfigError(f"groups must divide the middle width, got groups={groups} and middle={middle}")

    @classmethod
    def inner_widths(cls, _: int, /, *, middle: int = 96, dense: int = 16, **__: Any) -> tuple[int, ...]:
        """Return the middle width, and by how much the dense path grows."""
        return (middle, dense)

    @classmethod
    def outgoing(cls, place: Place, /, *, dense: int = 16, **_: Any) -> Outgoing:
        """Hand on the residual path and a dense path that has grown."""
        return dual_outgoing(place, grown_by=2 * dense if place.index == 0 else dense)

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
        layers, at, before = place.layers, place.resolution_out, place.in_channels
        counted = conv_tally(layers, (before, middle), at=place.resolution)
        counted += conv_tally(layers, (middle, middle), 3, at=at, groups=groups)
        counted += conv_tally(layers, (middle, place.out_channels + dense), at=at, then="norm")
        if place.index == 0:
            counted += conv_tally(layers, (before, place.out_channels + dense), at=at, then="norm")
        return counted + squeeze_tally(layers, middle, squeeze)

    def forward(self, streams: Streams) -> Streams:
        """Map the two paths, or one tensor (batch, in, height, width) at the first block, to two paths."""
        x = joined(streams)
        inner = self.squeeze(self.middle(self.reduce(x)))
        if self.is_first:
            residual, dense = self.project_residual(x), self.project_dense(x)
        else:
            residual, dense = streams
        return self.act(residual + self.to_residual(inner)), self._grown(dense, self.to_dense(inner))

    @torch.no_grad()
    def deployed(self) -> nn.Module:
        """Return the block with one convolution for both paths, or itself where norms look at the image."""
        return DeployedDualPath(self) if is_mergeable(self.to_residual) else self

    def _grown(self, dense: Tensor, added: Tensor) -> Tensor:
        return self.act(torch.cat((dense, added), dim=1))


class DeployedDualPath(nn.Module):
    """A dual path block with one convolution for both paths."""

    def __init__(self, block: DualPath) -> None:
        super().__init__()
        self.inner = nn.Sequential(block.reduce, block.middle, block.squeeze)
        self.project = (
            SideBySide(block.project_residual, block.project_dense) if block.is_first else nn.Identity()
        )
        self.out = SideBySide(block.to_residual, block.to_dense)
        self.act = block.act

    def forward(self, streams: Streams) -> Streams:
        """Map what the block maps."""
        x = joined(streams)
        residual, dense = self.project(streams)
        to_residual, to_dense = self.out(self.inner(x))
        return self.act(residual + to_residual), self.act(torch.cat((dense, to_dense), dim=1))


def dual_outgoing(place: Place, *, grown_by: int) -> Outgoing:
    """Say how wide both paths are after a block that appends `grown_by` channels to the dense one."""
    before = 0 if place.index == 0 else place.streams[1]
    streams = (place.out_channels, before + grown_by)
    return Outgoing(sum(streams), shrunk(place.resolution, place.stride), streams)
