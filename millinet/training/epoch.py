"""One epoch: order, augmentation, forward, backward, step."""

import math

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from millinet.data.batches import batches, num_batches
from millinet.data.dataset import DataSet
from millinet.errors import DivergedError
from millinet.training.augment import augment
from millinet.training.ema import AveragedWeights
from millinet.training.optimiser import make_optimiser, set_learning_rate
from millinet.training.recipe import Recipe
from millinet.training.schedule import warm_cosine


class EpochTrainer:
    """A model with its optimiser, trained epoch by epoch on one device."""

    def __init__(
        self, model: nn.Module, data: DataSet, recipe: Recipe, *, device: torch.device, seed: int
    ) -> None:
        self.model = model
        self.recipe = recipe
        self.device = device
        self.learning_rate = 0.0
        self.optimiser = make_optimiser(model, recipe)
        self.average = AveragedWeights(model, recipe.ema_decay) if recipe.ema_decay > 0.0 else None
        self._data = data
        self._train = data.train.to(device)
        self._normalise = data.normaliser(device)
        self._seed = seed
        self._steps_per_epoch = num_batches(len(data.train), recipe.batch_size)

    @property
    def result(self) -> nn.Module:
        """The model to evaluate and keep: the average where there is one."""
        return self.model if self.average is None else self.average.model

    def train(self, epoch: int) -> float:
        """Train one epoch, counted from 1, and return the mean loss in nats.

        Raises:
            DivergedError: If the loss left the finite numbers.
        """
        generator = self._seed_epoch(epoch)
        order = torch.randperm(
            len(self._train), generator=torch.Generator().manual_seed(generator.initial_seed())
        )
        total = torch.zeros((), device=self.device)
        step = (epoch - 1) * self._steps_per_epoch
        for images, labels in batches(
            self._train, batch_size=self.recipe.batch_size, device=self.device, order=order
        ):
            self._schedule(step)
            loss = self._step(images, labels, generator)
            total += loss * len(labels)
            step += 1
        mean = float(total) / len(self._train)
        if not math.isfinite(mean):
            raise DivergedError(
                f"the training loss became {mean} in epoch {epoch} at learning rate "
                f"{self.learning_rate:.3g}; try a lower rate or clip_norm=1"
            )
        return mean

    def _step(self, images: Tensor, labels: Tensor, generator: torch.Generator) -> Tensor:
        varied = augment(
            images, self._data.invariances, strength=self.recipe.augmentation, generator=generator
        )
        logits = self.model(self._normalise(varied))
        loss = functional.cross_entropy(logits.float(), labels, label_smoothing=self.recipe.label_smoothing)
        self.optimiser.zero_grad(set_to_none=True)
        torch.autograd.backward(loss)
        if self.recipe.clip_norm is not None:
            nn.utils.clip_grad_norm_(self.model.parameters(), self.recipe.clip_norm)
        self.optimiser.step()
        if self.average is not None:
            self.average.update(self.model)
        return loss.detach()

    def _schedule(self, step: int) -> None:
        progress = (step + 1) / (self._steps_per_epoch * self.recipe.epochs)
        self.learning_rate = self.recipe.learning_rate * warm_cosine(progress, warmup=self.recipe.warmup)
        set_learning_rate(self.optimiser, self.learning_rate)

    def _seed_epoch(self, epoch: int) -> torch.Generator:
        """Seed all randomness of an epoch, so that it does not depend on the epochs before it."""
        seed = int(np.random.SeedSequence([self._seed, epoch]).generate_state(1, np.uint64)[0] >> 1)
        torch.manual_seed(seed)
        return torch.Generator(self.device).manual_seed(seed)
