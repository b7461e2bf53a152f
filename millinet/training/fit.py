"""Train a classifier: the one loop, for trials, for winners and for recovery after pruning."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import Tensor, nn

from millinet.data.dataset import DataSet
from millinet.device import resolve_device, using_threads
from millinet.training.epoch import EpochTrainer
from millinet.training.evaluate import evaluate
from millinet.training.history import EpochRecord, FitResult
from millinet.training.recipe import Recipe


@dataclass(slots=True)
class _Best:
    """The weights to keep, and why."""

    rank: tuple[float, float] = (-1.0, 0.0)
    """(accuracy, minus loss) on the validation split: few images make ties, and the loss breaks them."""
    epoch: int = 0
    weights: dict[str, Tensor] = field(default_factory=dict)

    def offer(self, model: nn.Module, rank: tuple[float, float], epoch: int) -> None:
        if rank > self.rank:
            self.rank, self.epoch = rank, epoch
            self.weights = {name: value.detach().clone() for name, value in model.state_dict().items()}


def fit(  # noqa: PLR0913 - what, on what, how, where, and the three seams a caller may use
    model: nn.Module,
    data: DataSet,
    recipe: Recipe,
    *,
    device: str | torch.device | None = None,
    seed: int = 0,
    teacher: nn.Module | None = None,
    on_epoch: Callable[[EpochRecord], bool | None] | None = None,
    checkpoint: Path | None = None,
) -> FitResult:
    """Train `model` on `data.train`, and leave it with the weights that were best on `data.validation`.

    The model returns to the device and the mode it came in, and torch's random state is put back. Order,
    augmentation and dropout of an epoch follow from the seed and the epoch's number alone.

    Args:
        model: A classifier, (batch, channels, height, width) -> (batch, classes); trained in place.
        data: The test split is not touched.
        recipe: How to train.
        device: Where to train; None takes the GPU where there is one.
        seed: Decides order, augmentation and dropout, not the initial weights, which the model brings.
        teacher: A trained model to learn from as well; None learns from labels alone.
        on_epoch: Called after each epoch; returning True ends the training.
        checkpoint: File to continue from, and to write after each epoch.

    Raises:
        DivergedError: If the loss is not finite.
    """
    place = resolve_device(device)
    began = time.perf_counter()
    with using_threads(recipe.threads), _borrowed(model, place), _own_randomness(place):
        trainer = EpochTrainer(model, data, recipe, device=place, seed=seed)
        history, best = _run(trainer, data, on_epoch)
        model.load_state_dict(best.weights)
    return FitResult(
        history=history,
        best_accuracy=best.rank[0],
        epochs=len(history),
        seconds=time.perf_counter() - began,
        stopped=len(history) < recipe.epochs,
    )


def _run(
    trainer: EpochTrainer, data: DataSet, on_epoch: Callable[[EpochRecord], bool | None] | None
) -> tuple[list[EpochRecord], _Best]:
    history: list[EpochRecord] = []
    best = _Best()
    validation = data.validation.to(trainer.device)
    patience = trainer.recipe.patience or trainer.recipe.epochs
    for epoch in range(1, trainer.recipe.epochs + 1):
        began = time.perf_counter()
        train_loss = trainer.train(epoch)
        trained = time.perf_counter()
        judged = evaluate(trainer.result, validation, data=data, device=trainer.device)
        best.offer(trainer.result, (judged.accuracy, -judged.loss), epoch)
        record = EpochRecord(
            epoch=epoch,
            learning_rate=trainer.learning_rate,
            train_loss=train_loss,
            accuracy=judged.accuracy,
            images_per_second=len(data.train) / (trained - began),
            seconds=time.perf_counter() - began,
        )
        history.append(record)
        is_over = on_epoch is not None and on_epoch(record)
        if is_over or epoch - best.epoch >= patience:
            break
    return history, best


@contextmanager
def _borrowed(model: nn.Module, device: torch.device) -> Iterator[None]:
    """Move the model to `device` in training mode, and bring it back as it was."""
    home = next((parameter.device for parameter in model.parameters()), device)
    modes = [(module, module.training) for module in model.modules()]
    model.to(device).train()
    try:
        yield
    finally:
        model.to(home)
        for module, was_training in modes:
            module.training = was_training


@contextmanager
def _own_randomness(device: torch.device) -> Iterator[None]:
    """Let torch's random state inside the block be nobody else's."""
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        yield
