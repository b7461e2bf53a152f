"""Train a classifier: the one loop, for trials, for winners and for recovery after pruning."""

import hashlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, Final

import torch
from torch import Tensor, nn

from millinet.data.dataset import DataSet
from millinet.data.feed import num_batches
from millinet.device import resolve_device, using_threads
from millinet.errors import ConfigError, DivergedError
from millinet.training.checkpoint import load_checkpoint, save_checkpoint
from millinet.training.depth import stochastic_depth
from millinet.training.epoch import EpochTrainer
from millinet.training.history import FitResult, OnEpoch
from millinet.training.insight import health_of, start_from_data
from millinet.training.parallel import ranks
from millinet.training.recipe import Recipe
from millinet.training.sitting import Sitting

RETRY_FACTOR: Final = 0.1
"""A training that diverged is begun again at this fraction of its rate."""


def fit(  # noqa: PLR0913 - what, on what, how, where, and the three seams a caller may use
    model: nn.Module,
    data: DataSet,
    recipe: Recipe,
    *,
    device: str | torch.device | None = None,
    seed: int = 0,
    teacher: nn.Module | None = None,
    on_epoch: OnEpoch | None = None,
    checkpoint: Path | None = None,
) -> FitResult:
    """Train `model` on `data.train`, and leave it with the weights that were best on `data.validation`.

    The model returns to the device and the mode it came in, and torch's random state is put back. Order,
    augmentation and dropout of an epoch follow from the seed and the epoch's number alone. A training that
    diverges is begun again at a tenth of the rate, as often as the recipe says; `on_epoch` then sees epoch 1
    again.

    Under torchrun, inside `torchrun_group`, the processes share each batch; the first one evaluates, calls
    `on_epoch` and writes the checkpoint.

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
        DivergedError: If the loss is not finite, at every rate tried.
        ConfigChangedError: If the checkpoint is of another training.
        MemoryShortError: If not even the smallest batch fits into memory.
    """
    place = resolve_device(device)
    _check_batch_norms(model, recipe, num_images=len(data.train))
    config = recipe.as_dict() | {"seed": seed, "data": data.fingerprint, "model": _signature(model)}
    state = load_checkpoint(checkpoint, config=config) if checkpoint is not None else None
    with ExitStack() as stack:
        stack.enter_context(using_threads(recipe.threads))
        stack.enter_context(torch.random.fork_rng(devices=[place] if place.type == "cuda" else []))
        stack.enter_context(_lent(model, place, recipe))
        stack.enter_context(stochastic_depth(model, recipe.stochastic_depth))
        if teacher is not None:
            stack.enter_context(_lent(teacher, place, recipe))
            teacher.eval()
        if state is None:
            start_from_data(model, data, device=place, seed=seed)
        # A continued training may diverge later, so the weights it once began with travel with it.
        initial = _copied(model) if state is None else state["initial"]
        for attempt in range(0 if state is None else state["attempt"], recipe.retries + 1):
            gentler = replace(recipe, learning_rate=recipe.learning_rate * RETRY_FACTOR**attempt)
            model.load_state_dict(initial)
            trainer = EpochTrainer(model.train(), data, gentler, device=place, seed=seed, teacher=teacher)
            keep = partial(_save, checkpoint, config, {"attempt": attempt, "initial": initial})
            sitting = Sitting(trainer, data, save=keep)
            if state is not None and state["attempt"] == attempt:
                sitting.load_state_dict(state)
            try:
                sitting.run(on_epoch)
            except DivergedError:
                if attempt == recipe.retries:
                    raise
                continue
            result = sitting.finish(num_retries=attempt)
            return result._replace(health=health_of(model, data, device=place))
    raise AssertionError("the last attempt returned or raised")


def _save(path: Path | None, config: dict[str, Any], constant: dict[str, Any], state: dict[str, Any]) -> None:
    if path is not None:
        save_checkpoint(path, constant | state, config=config)


def _copied(model: nn.Module) -> dict[str, Tensor]:
    return {name: value.detach().clone() for name, value in model.state_dict().items()}


def _signature(model: nn.Module) -> str:
    """Hash the names and shapes of the weights, not their values."""
    shapes = [(name, tuple(value.shape)) for name, value in model.state_dict().items()]
    return hashlib.sha256(repr(shapes).encode()).hexdigest()[:16]


def _check_batch_norms(model: nn.Module, recipe: Recipe, *, num_images: int) -> None:
    if not any(isinstance(module, nn.modules.batchnorm._BatchNorm) for module in model.modules()):
        return
    smallest = num_images // num_batches(num_images, recipe.batch_size) // ranks().size
    if smallest < 2:
        shared = f" shared by {ranks().size} processes" if ranks().size > 1 else ""
        raise ConfigError(
            f"batch norms need at least 2 images in a batch, got batch_size={recipe.batch_size}{shared} and "
            f"{num_images} training images; use a larger batch_size, more images or a network without them"
        )


@contextmanager
def _lent(model: nn.Module, device: torch.device, recipe: Recipe) -> Iterator[None]:
    """Move the model to `device`, and bring it back in the modes and the layout it came in."""
    home = next((parameter.device for parameter in model.parameters()), device)
    modes = [(module, module.training) for module in model.modules()]
    model.to(device)
    if recipe.channels_last:
        model.to(memory_format=torch.channels_last)
    try:
        yield
    finally:
        model.to(home)
        if recipe.channels_last:
            model.to(memory_format=torch.contiguous_format)
        for module, was_training in modes:
            module.training = was_training
