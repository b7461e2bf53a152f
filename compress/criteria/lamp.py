"""LAMP: the share of a channel in what is left once all smaller ones are gone."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from compress.channels import ChannelGroup
from compress.criteria.criterion import Batch, Criterion
from compress.criteria.filters import mean_over_producers


def remaining_shares(matrix: Tensor) -> Tensor:
    """Divide the energy of each filter by the energy of all filters at least as large.

    Layer-adaptive magnitude (Lee et al., "Layer-adaptive Sparsity for the Magnitude-based Pruning", ICLR
    2021, eq. 3), taken of filters instead of single weights: the largest filter of every layer scores 1.

    Args:
        matrix: Filters, shape (channels, weights).

    Returns:
        Scores of shape (channels,), in [0, 1]; higher is kept.
    """
    energy = matrix.square().sum(1)
    ascending, order = energy.sort()
    # From the top down, so that each sum holds the filter itself and all larger ones.
    left = ascending.flip(0).cumsum(0).flip(0).clamp_min(torch.finfo(energy.dtype).tiny)
    scores = torch.empty_like(energy)
    scores[order] = ascending / left
    return scores


def _score(model: nn.Module, groups: Sequence[ChannelGroup], _: Sequence[Batch]) -> list[Tensor]:
    return mean_over_producers(model, groups, remaining_shares)


LAMP = Criterion(score=_score)
"""Magnitude that adapts to its layer: data-free, and no layer is emptied by a global threshold."""
