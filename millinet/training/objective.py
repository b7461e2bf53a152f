"""The loss: labels, class weights and a teacher."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from millinet.data.dataset import DataSet
from millinet.errors import ConfigError
from millinet.training.recipe import Recipe


class Objective:
    """The recipe's loss for a data set, on a device."""

    def __init__(
        self, data: DataSet, recipe: Recipe, device: torch.device, *, teacher: nn.Module | None = None
    ) -> None:
        self._smoothing = recipe.label_smoothing
        self._share = recipe.distillation if teacher is not None else 0.0
        self._temperature = recipe.temperature
        self._teacher = teacher
        self._class_weights = (
            balanced_weights(data.train.labels, data.num_classes).to(device)
            if recipe.imbalance == "loss"
            else None
        )

    def __call__(self, logits: Tensor, labels: Tensor, images: Tensor) -> Tensor:
        """Return the mean loss of a batch, in nats.

        Args:
            logits: Shape (batch, classes).
            labels: Classes, int64 of shape (batch,), or shares of them, shape (batch, classes).
            images: What the network saw; the teacher sees the same.
        """
        logits = logits.float()
        loss = functional.cross_entropy(
            logits, labels, weight=self._class_weights, label_smoothing=self._smoothing
        )
        if self._teacher is None or self._share == 0.0:
            return loss
        with torch.no_grad():
            taught = self._teacher(images).float()
        if taught.shape != logits.shape:
            raise ConfigError(
                f"a teacher must know the student's {logits.shape[1]} classes, got one of {taught.shape[1]}"
            )
        agreement = distillation_loss(logits, taught, temperature=self._temperature)
        return (1.0 - self._share) * loss + self._share * agreement


def distillation_loss(logits: Tensor, taught: Tensor, *, temperature: float) -> Tensor:
    """Return the divergence of a student from its teacher, in nats.

    Hinton et al., "Distilling the Knowledge in a Neural Network", 2015, section 2: both softened by the
    temperature, times its square, so that the gradient's size does not depend on it.

    Args:
        logits: The student's, shape (batch, classes).
        taught: The teacher's, likewise.
        temperature: Positive; higher attends more to the improbable classes.
    """
    student = functional.log_softmax(logits / temperature, dim=1)
    teacher = functional.log_softmax(taught / temperature, dim=1)
    return functional.kl_div(student, teacher, reduction="batchmean", log_target=True) * temperature**2


def balanced_weights(labels: Tensor, num_classes: int) -> Tensor:
    """Weigh each class by the inverse of its frequency.

    Args:
        labels: int64, shape (images,).
        num_classes: Classes of the set.

    Returns:
        Shape (classes,); their mean over the images is 1, and a class without images has weight 0.
    """
    counts = torch.bincount(labels.cpu(), minlength=num_classes).float()
    present = counts > 0
    return torch.where(present, len(labels) / (counts.clamp_min(1.0) * present.sum()), torch.zeros(()))
