"""Train what is left after pruning, with the unpruned network as its teacher."""

import copy
from pathlib import Path
from typing import Final

import torch
from torch import nn

from millinet.data import DataSet
from millinet.training import FitResult, Recipe, fit

NUM_IMAGES: Final = 2048
"""Training images a recalibration looks at."""
_BATCH: Final = 128


def recalibrate(model: nn.Module, data: DataSet, *, num_images: int = NUM_IMAGES) -> None:
    """Measure the statistics of every batch norm anew on training images, in place.

    Removed channels change what reaches the norms behind them; with fresh statistics most of the loss is
    regained before any training (Li et al., "EagleEye", ECCV 2020). Nothing is normalised by the images'
    labels.

    Args:
        model: On any device; modes are put back.
        data: Only its training split is read.
        num_images: Images looked at, from the start of a fixed shuffle.
    """
    norms = [
        m for m in model.modules() if isinstance(m, nn.modules.batchnorm._BatchNorm) and m.track_running_stats
    ]
    if not norms:
        return
    device = next(model.parameters()).device
    generator = torch.Generator().manual_seed(0)
    chosen = torch.randperm(len(data.train), generator=generator)[:num_images]
    modes = [(module, module.training) for module in model.modules()]
    momenta = [(norm, norm.momentum) for norm in norms]
    model.eval()
    for norm in norms:
        norm.reset_running_stats()
        # Without a momentum the statistics are the plain average over all batches.
        norm.momentum = None
        norm.train()
    with torch.no_grad():
        for batch in torch.split(chosen, _BATCH):
            if len(batch) > 1:
                model(data.normalise(data.train.pixels(batch).to(device)))
    for norm, momentum in momenta:
        norm.momentum = momentum
    for module, was_training in modes:
        module.training = was_training


def recover(  # noqa: PLR0913 -- what, on what, how, from whom, where
    model: nn.Module,
    data: DataSet,
    recipe: Recipe,
    *,
    teacher: nn.Module,
    device: str,
    seed: int = 0,
    checkpoint: Path | None = None,
) -> FitResult:
    """Recalibrate the batch norms, then fine-tune with distillation, in place.

    Args:
        model: The pruned model.
        data: Its training split trains, its validation split chooses the epoch.
        recipe: How to train.
        teacher: The unpruned model.
        device: Where to train.
        seed: Decides order and augmentation.
        checkpoint: File to continue from after an interruption.

    Raises:
        DivergedError: If training leaves the finite numbers.
    """
    recalibrate(model, data)
    return fit(
        model,
        data,
        recipe,
        device=device,
        seed=seed,
        teacher=copy.deepcopy(teacher).eval(),
        checkpoint=checkpoint,
    )
