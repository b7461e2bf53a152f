"""What one epoch of training did, and what a training came to."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import NamedTuple


class EpochRecord(NamedTuple):
    """One epoch; the columns of the history frame that training knows."""

    epoch: int
    """Counted from 1."""
    learning_rate: float
    """At the end of the epoch."""
    train_loss: float
    """Mean over the epoch, in nats."""
    accuracy: float
    """Validation accuracy, a fraction."""
    images_per_second: float
    """Training speed, without the evaluation."""
    seconds: float
    """Time of the epoch with its evaluation."""


OnEpoch = Callable[[EpochRecord], bool | None]
"""Is told of each epoch; returning True ends the training."""


class FitResult(NamedTuple):
    """What a training came to; the model holds the weights of the best epoch."""

    history: list[EpochRecord]
    best_accuracy: float
    """Validation accuracy of the weights kept, a fraction."""
    epochs: int
    """Epochs trained."""
    seconds: float
    """Time spent, evaluations and earlier sittings included."""
    stopped: bool
    """Whether training ended before the recipe's last epoch, by patience or on request."""
    num_retries: int = 0
    """How often it diverged before, and was begun again at a tenth of the rate."""
    micro_batch: int = 0
    """Most images that went through the network at once."""
    health: Mapping[str, float] = MappingProxyType({})
    """What parts of the network said of themselves on the validation images, by module and measure."""
