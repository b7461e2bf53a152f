"""Distance to the other filters: what is nearest to their geometric median is replaceable."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from compress.channels import ChannelGroup
from compress.criteria.criterion import Batch, Criterion
from compress.criteria.filters import mean_over_producers


def summed_distances(matrix: Tensor) -> Tensor:
    """Sum the Euclidean distances of each filter to all others.

    The filter with the smallest sum lies nearest to the geometric median, and the others can stand in for it
    (He et al., "Filter Pruning via Geometric Median", CVPR 2019, eq. 6).

    Args:
        matrix: Filters, shape (channels, weights).

    Returns:
        Scores of shape (channels,), never negative; higher is kept.
    """
    # The fast mode works through squared norms and loses small distances to rounding.
    distances = torch.cdist(matrix, matrix, compute_mode="donot_use_mm_for_euclid_dist")
    return distances.sum(1)


def _score(model: nn.Module, groups: Sequence[ChannelGroup], _: Sequence[Batch]) -> list[Tensor]:
    return mean_over_producers(model, groups, summed_distances)


GEOMETRIC_MEDIAN = Criterion(score=_score)
"""Redundancy instead of size: data-free, for layers whose filters are all about equally large."""
