"""Scores without meaning: the baseline every criterion has to beat."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from compress.channels import ChannelGroup
from compress.criteria.criterion import Batch, Criterion


def _score(_: nn.Module, groups: Sequence[ChannelGroup], __: Sequence[Batch]) -> list[Tensor]:
    # A generator of its own: the same model is pruned the same way whatever was drawn before.
    generator = torch.Generator().manual_seed(0)
    return [torch.rand(group.num_channels, generator=generator) for group in groups]


RANDOM = Criterion(score=_score)
"""Uniform random scores, the same on every call."""
