"""L2 norm of filters."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from compress.channels import ChannelGroup
from compress.criteria.criterion import Batch, Criterion
from compress.criteria.filters import mean_over_producers


def euclidean_norms(matrix: Tensor) -> Tensor:
    """Take the Euclidean norm of each filter.

    Args:
        matrix: Filters, shape (channels, weights).

    Returns:
        Scores of shape (channels,), never negative; higher is kept.
    """
    norms: Tensor = torch.linalg.vector_norm(matrix, dim=1)
    return norms


def _score(model: nn.Module, groups: Sequence[ChannelGroup], _: Sequence[Batch]) -> list[Tensor]:
    return mean_over_producers(model, groups, euclidean_norms)


L2 = Criterion(score=_score)
"""The Euclidean norm: data-free, as L1 but one large weight counts more than many small ones."""
