"""What a criterion is: a score for every channel of every group."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from torch import Tensor, nn

from compress.channels import ChannelGroup

Batch = tuple[Tensor, Tensor]
"""Images, shape (batch, channels, height, width), and labels, shape (batch,)."""

Score = Callable[[nn.Module, Sequence[ChannelGroup], Sequence[Batch]], list[Tensor]]
"""Takes a model, its groups and some data; returns scores of shape (channels,) a group, high is kept."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Criterion:
    """How channels are scored."""

    score: Score
    needs_data: bool = False
    """Whether it looks at images and labels."""
    is_comparable: bool = False
    """Whether scores of different groups share a unit; others only rank channels within their group."""
