"""One attempt at a training: epochs, the best weights so far, when to stop, and its state on disk."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor, nn

from millinet.data.dataset import DataSet
from millinet.data.feed import make_feed
from millinet.training.epoch import EpochTrainer
from millinet.training.evaluate import evaluate
from millinet.training.history import EpochRecord, FitResult, OnEpoch
from millinet.training.parallel import agree, ranks


@dataclass(slots=True)
class Best:
    """The weights to keep, and why."""

    rank: tuple[float, float] = (-1.0, 0.0)
    """(accuracy, minus loss) on the validation split: few images make ties, and the loss breaks them."""
    epoch: int = 0
    weights: dict[str, Tensor] = field(default_factory=dict)

    def offer(self, model: nn.Module, rank: tuple[float, float], epoch: int) -> None:
        """Keep a copy of the model's weights if they rank higher."""
        if rank > self.rank:
            self.rank, self.epoch = rank, epoch
            self.weights = {name: value.detach().clone() for name, value in model.state_dict().items()}


class Sitting:
    """The epochs of one attempt, which may be spread over several runs of the program."""

    def __init__(
        self, trainer: EpochTrainer, data: DataSet, *, save: Callable[[dict[str, Any]], None]
    ) -> None:
        self._trainer = trainer
        self._data = data
        self._save = save
        self._judged_feed = make_feed(data.validation, trainer.device)
        self._best = Best()
        self._history: list[EpochRecord] = []
        self._is_over = False

    def run(self, on_epoch: OnEpoch | None) -> None:
        """Train the epochs that are left.

        Raises:
            DivergedError: If the loss left the finite numbers.
        """
        epochs = self._trainer.recipe.epochs
        while not self._is_over and len(self._history) < epochs:
            record = self._epoch(len(self._history) + 1)
            self._history.append(record)
            asked = ranks().is_first and on_epoch is not None and bool(on_epoch(record))
            is_stale = record.epoch - self._best.epoch >= (self._trainer.recipe.patience or epochs)
            self._is_over = agree(asked or is_stale)
            if ranks().is_first:
                self._save(self.state_dict())

    def finish(self, *, num_retries: int) -> FitResult:
        """Put the best weights into the model and sum the attempt up."""
        self._trainer.model.load_state_dict(agree(self._best.weights))
        return FitResult(
            history=list(self._history),
            best_accuracy=agree(self._best.rank)[0],
            epochs=len(self._history),
            seconds=sum(record.seconds for record in self._history),
            stopped=len(self._history) < self._trainer.recipe.epochs,
            num_retries=num_retries,
            micro_batch=self._trainer.micro.size,
        )

    def state_dict(self) -> dict[str, Any]:
        """Return the attempt as tensors and plain values."""
        return {
            "trainer": self._trainer.state_dict(),
            "history": [list(record) for record in self._history],
            "best": {"rank": list(self._best.rank), "epoch": self._best.epoch, "weights": self._best.weights},
            "is_over": self._is_over,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue where `state_dict` was taken."""
        self._trainer.load_state_dict(state["trainer"])
        self._history = [EpochRecord(*record) for record in state["history"]]
        best = state["best"]
        self._best = Best(rank=tuple(best["rank"]), epoch=best["epoch"], weights=best["weights"])
        self._is_over = state["is_over"]

    def _epoch(self, epoch: int) -> EpochRecord:
        trainer, validation = self._trainer, self._data.validation
        began = time.perf_counter()
        train_loss = trainer.train(epoch)
        trained = time.perf_counter()
        accuracy = 0.0
        if ranks().is_first:
            judged = evaluate(
                trainer.result, validation, data=self._data, device=trainer.device, feed=self._judged_feed
            )
            self._best.offer(trainer.result, (judged.accuracy, -judged.loss), epoch)
            accuracy = judged.accuracy
        return EpochRecord(
            epoch=epoch,
            learning_rate=trainer.learning_rate,
            train_loss=train_loss,
            accuracy=agree(accuracy),
            images_per_second=len(self._data.train) / (trained - began),
            seconds=time.perf_counter() - began,
        )
