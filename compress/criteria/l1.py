"""L1 norm of filters."""

from collections.abc import Sequence

from torch import Tensor, nn

from compress.channels import ChannelGroup
from compress.criteria.criterion import Batch, Criterion
from compress.criteria.filters import mean_over_producers


def absolute_sums(matrix: Tensor) -> Tensor:
    """Sum the magnitudes of each filter.

    A filter of small magnitudes changes the output least when removed (Li et al., "Pruning Filters for
    Efficient ConvNets", 2017).

    Args:
        matrix: Filters, shape (channels, weights).

    Returns:
        Scores of shape (channels,), never negative; higher is kept.
    """
    return matrix.abs().sum(1)


def _score(model: nn.Module, groups: Sequence[ChannelGroup], _: Sequence[Batch]) -> list[Tensor]:
    return mean_over_producers(model, groups, absolute_sums)


L1 = Criterion(score=_score)
"""The sum of magnitudes: data-free, fast, the common baseline."""
