"""First-order change of the loss when a channel is closed."""

from collections.abc import Sequence

from torch import Tensor, nn

from compress.channels import ChannelGroup
from compress.criteria.criterion import Batch, Criterion
from compress.criteria.gates import gate_gradients


def expected_change(gradients: Tensor) -> Tensor:
    """Average the derivatives by a gate over images, and take the magnitude.

    Closing a gate changes the loss by minus its derivative, to first order (Molchanov et al., "Importance
    Estimation for Neural Network Pruning", CVPR 2019, eq. 8, with the gate placed at the consumers).

    Args:
        gradients: Derivatives of each image's loss by each gate, shape (images, channels).

    Returns:
        Scores of shape (channels,), in nats per image; higher is kept.
    """
    return gradients.mean(0).abs()


def _score(model: nn.Module, groups: Sequence[ChannelGroup], batches: Sequence[Batch]) -> list[Tensor]:
    return [expected_change(gradients) for gradients in gate_gradients(model, groups, batches)]


TAYLOR = Criterion(score=_score, needs_data=True, is_comparable=True)
"""What a channel does to the loss, to first order: needs labelled data, compares layers in one unit."""
