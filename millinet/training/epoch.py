"""One epoch: order, variation, forward, backward, step."""

import math
from typing import Any, cast

import torch
from torch import Tensor, nn

from millinet.data.dataset import DataSet
from millinet.data.feed import deal, make_feed, num_batches
from millinet.device import identity_of
from millinet.errors import DivergedError
from millinet.latency.lock import giving_way
from millinet.training.ema import AveragedWeights
from millinet.training.micro import MicroBatches
from millinet.training.objective import Objective
from millinet.training.optimiser import make_optimiser, set_learning_rate
from millinet.training.order import class_balanced, epoch_seed, shuffled
from millinet.training.parallel import add_up, distributed, own_share, ranks
from millinet.training.recipe import Recipe
from millinet.training.schedule import warm_cosine
from millinet.training.variation import Variation


class EpochTrainer:
    """A model with its optimiser, trained epoch by epoch on one device."""

    def __init__(
        self,
        model: nn.Module,
        data: DataSet,
        recipe: Recipe,
        *,
        device: torch.device,
        seed: int,
        teacher: nn.Module | None = None,
    ) -> None:
        self.model = model
        self.recipe = recipe
        self.device = device
        self.learning_rate = 0.0
        self.optimiser = make_optimiser(model, recipe)
        self.average = AveragedWeights(model, recipe.ema_decay) if recipe.ema_decay > 0.0 else None
        self.micro = MicroBatches(model, recipe.batch_size)
        self._data = data
        self._seed = seed
        self._feed = make_feed(data.train, device)
        self._vary = Variation(data, recipe, device)
        self._objective = Objective(data, recipe, device, teacher=teacher)
        self._forward = distributed(
            cast(nn.Module, torch.compile(model)) if recipe.compile else model, device
        )
        self._steps_per_epoch = num_batches(len(data.train), recipe.batch_size)
        self._precision = forward_precision(recipe, device)

    @property
    def result(self) -> nn.Module:
        """The model to evaluate and keep: the average where there is one."""
        return self.model if self.average is None else self.average.model

    def train(self, epoch: int) -> float:
        """Train one epoch, counted from 1, and return the mean loss in nats.

        Raises:
            DivergedError: If the loss left the finite numbers.
        """
        whole = deal(self._order(epoch), self.recipe.batch_size)
        chosen = [own_share(batch) for batch in whole]
        first_step = (epoch - 1) * self._steps_per_epoch
        seed = epoch_seed(self._seed, epoch, rank=ranks().rank)
        torch.manual_seed(seed)
        generator = torch.Generator(self.device).manual_seed(seed)
        total = torch.zeros((), device=self.device)
        with giving_way(identity_of(self.device), settle=self._settle) as give_way:
            for step, (images, labels) in enumerate(self._feed(chosen)):
                give_way()
                self._schedule(first_step + step)
                # Gradients are averaged over processes, whose shares of a batch may differ by one image.
                weight = len(labels) * ranks().size / len(whole[step])
                total += self._step(images, labels, generator, weight=weight) * len(labels)
        mean = float(add_up(total)) / len(self._data.train)
        if not math.isfinite(mean):
            raise DivergedError(
                f"the training loss became {mean} in epoch {epoch}, with a rate of at most "
                f"{self.recipe.learning_rate:.3g}; try a lower learning_rate or clip_norm=1"
            )
        return mean

    def state_dict(self) -> dict[str, Any]:
        """Return all that the next epoch depends on; the random state is not among it, see `order`."""
        return {
            "model": self.model.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "average": None if self.average is None else self.average.state_dict(),
            "micro": self.micro.size,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue where `state_dict` was taken."""
        self.model.load_state_dict(state["model"])
        self.optimiser.load_state_dict(state["optimiser"])
        if self.average is not None:
            self.average.load_state_dict(state["average"])
        self.micro.size = state["micro"]

    def _settle(self) -> None:
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)

    def _order(self, epoch: int) -> Tensor:
        labels, seed = self._data.train.labels, epoch_seed(self._seed, epoch)
        if self.recipe.imbalance == "sampling":
            return class_balanced(labels, self._data.num_classes, seed=seed).to(self.device)
        return shuffled(len(labels), seed=seed).to(self.device)

    def _step(self, images: Tensor, labels: Tensor, generator: torch.Generator, *, weight: float) -> Tensor:
        images, labels = self._vary(images, labels, generator)
        if self.recipe.channels_last:
            images = images.contiguous(memory_format=torch.channels_last)
        loss = self.micro.backward(self._loss, images, labels, weight=weight)
        if self.recipe.clip_norm is not None:
            nn.utils.clip_grad_norm_(self.model.parameters(), self.recipe.clip_norm)
        self.optimiser.step()
        if self.average is not None:
            self.average.update()
        return loss

    def _loss(self, images: Tensor, labels: Tensor) -> Tensor:
        # bf16 keeps the exponents of fp32, so that gradients need no scaling.
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self._precision == "bf16"):
            return self._objective(self._forward(images), labels, images)

    def _schedule(self, step: int) -> None:
        progress = (step + 1) / (self._steps_per_epoch * self.recipe.epochs)
        self.learning_rate = self.recipe.learning_rate * warm_cosine(progress, warmup=self.recipe.warmup)
        set_learning_rate(self.optimiser, self.learning_rate)


def forward_precision(recipe: Recipe, device: torch.device) -> str:
    """Return "bf16" or "fp32": what the recipe's precision comes to on a device."""
    if recipe.precision != "auto":
        return recipe.precision
    return "bf16" if device.type == "cuda" and torch.cuda.is_bf16_supported() else "fp32"
