"""How much of a channel its consumers get to read."""

from collections.abc import Sequence

from torch import Tensor, nn

from compress.channels import ChannelGroup
from compress.criteria.criterion import Batch, Criterion
from compress.criteria.gates import mean_magnitudes


def _score(model: nn.Module, groups: Sequence[ChannelGroup], batches: Sequence[Batch]) -> list[Tensor]:
    return mean_magnitudes(model, groups, batches)


ACTIVATION = Criterion(score=_score, needs_data=True)
"""Mean magnitude of the activations (Hu et al., "Network Trimming", 2016): needs images, no labels."""
