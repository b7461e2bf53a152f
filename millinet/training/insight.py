"""Show the data to parts of a network that ask for it: before training to begin well, after it to report.

A head may want its weights to begin from the features it will see, and may know what speaks for its health.
The loop knows no such head: it looks for the two protocols here.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Final, Protocol, runtime_checkable

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from millinet.data.dataset import DataSet, Split
from millinet.data.feed import deal, make_feed
from millinet.device import evaluating
from millinet.training.order import shuffled

MOST_IMAGES: Final = 10_000
"""Images looked at; more say nothing new about features."""
_BATCH_SIZE: Final = 64
"""Enough for a batch norm's statistics, and not more than a large network holds of large images."""


@runtime_checkable
class StartsFromData(Protocol):
    """A module whose weights may begin from what reaches it of the training images."""

    @property
    def awaits_data(self) -> bool:
        """Whether it still does: not where random weights are wanted, nor after it was trained."""

    def start_from(self, inputs: Tensor, labels: Tensor) -> None:
        """Set the weights.

        Args:
            inputs: What reaches the module, shape (images, features); feature maps averaged over pixels.
            labels: Class of each image, int64, shape (images,).
        """


@runtime_checkable
class TellsHealth(Protocol):
    """A module that can say whether it works as it should."""

    def health(self, inputs: Tensor) -> Mapping[str, float]:
        """Judge the trained module.

        Args:
            inputs: What reaches the module, shape (images, features); feature maps averaged over pixels.

        Returns:
            Numbers by name.
        """


def start_from_data(model: nn.Module, data: DataSet, *, device: torch.device, seed: int) -> None:
    """Let every module that awaits data begin from the training images.

    Batch norms use the statistics of each batch, as the first step of training will; their running ones stay
    as they are.

    Args:
        model: Changed in place; on `device`.
        data: Only the training split is looked at.
        device: Where to compute.
        seed: Chooses the images where there are more than `MOST_IMAGES`.
    """
    waiting = {
        name: module
        for name, module in model.named_modules()
        if isinstance(module, StartsFromData) and module.awaits_data
    }
    if not waiting:
        return
    rows = shuffled(len(data.train), seed=seed)[:MOST_IMAGES]
    with _batch_statistics(model):
        inputs = _reaching(model, list(waiting), data, data.train, rows, device)
    labels = data.train.labels[rows.to(data.train.labels.device)].to(device)
    for name, module in waiting.items():
        module.start_from(inputs[name], labels)


def health_of(model: nn.Module, data: DataSet, *, device: torch.device) -> dict[str, float]:
    """Ask every module that tells its health, with the validation images; by module and measure.

    Args:
        model: Trained, on `device`.
        data: Only the validation split is looked at.
        device: Where to compute.
    """
    telling = {name: module for name, module in model.named_modules() if isinstance(module, TellsHealth)}
    if not telling or len(data.validation) == 0:
        return {}
    rows = torch.arange(min(len(data.validation), MOST_IMAGES))
    with evaluating(model):
        inputs = _reaching(model, list(telling), data, data.validation, rows, device)
        return {
            f"{name}.{measure}": value
            for name, module in telling.items()
            for measure, value in module.health(inputs[name]).items()
        }


def _reaching(
    model: nn.Module,
    names: Sequence[str],
    data: DataSet,
    split: Split,
    rows: Tensor,
    device: torch.device,
) -> dict[str, Tensor]:
    """Run the images and collect what reaches the modules named, each (images, features)."""
    collected: dict[str, list[Tensor]] = {name: [] for name in names}
    handles = [
        model.get_submodule(name).register_forward_pre_hook(
            lambda _, inputs, kept=kept: kept.append(_pooled(inputs))
        )
        for name, kept in collected.items()
    ]
    normalise = data.normaliser(device)
    try:
        with torch.no_grad():
            for images, _ in make_feed(split, device)(deal(rows, _BATCH_SIZE)):
                model(normalise(images))
    finally:
        for handle in handles:
            handle.remove()
    return {name: torch.cat(parts) for name, parts in collected.items()}


def _pooled(inputs: tuple[Any, ...]) -> Tensor:
    features: Tensor = inputs[0].detach().float()
    return features.flatten(2).mean(2) if features.ndim > 2 else features


@contextmanager
def _batch_statistics(model: nn.Module) -> Iterator[None]:
    """Evaluate with each batch's own statistics, and put the running ones back."""
    before = {name: buffer.clone() for name, buffer in model.named_buffers()}
    with evaluating(model):
        for module in model.modules():
            if isinstance(module, _BatchNorm):
                module.train()
        try:
            yield
        finally:
            for name, buffer in model.named_buffers():
                buffer.copy_(before[name])
