"""Second-order change of the loss when a channel is closed, by the diagonal of the Fisher information."""

from collections.abc import Sequence

from torch import Tensor, nn

from compress.channels import ChannelGroup
from compress.criteria.criterion import Batch, Criterion
from compress.criteria.gates import gate_gradients


def half_squares(gradients: Tensor) -> Tensor:
    """Average half the squared derivatives by a gate over images.

    At a minimum the first-order change vanishes, and the diagonal of the Hessian, which the Fisher
    information stands in for, gives the change of closing a gate: half its square times one (Theis et al.,
    "Faster Gaze Prediction with Dense Networks and Fisher Pruning", 2018, eq. 7). Every image counts, not the
    last batch.

    Args:
        gradients: Derivatives of each image's loss by each gate, shape (images, channels).

    Returns:
        Scores of shape (channels,), in nats per image; higher is kept.
    """
    return 0.5 * gradients.square().mean(0)


def _score(model: nn.Module, groups: Sequence[ChannelGroup], batches: Sequence[Batch]) -> list[Tensor]:
    return [half_squares(gradients) for gradients in gate_gradients(model, groups, batches)]


FISHER = Criterion(score=_score, needs_data=True, is_comparable=True)
"""What a channel does to the loss of a trained network, to second order: needs labelled data."""
