"""Tell before training whether a network can see its input at all.

In a deep plain network without normalisation every layer shrinks the differences between images, until
the answers hardly differ and no gradient comes back (Glorot and Bengio, 2010). Such a training does not
diverge: it stays at chance, whatever the recipe.
"""

import math
from typing import Final

import torch
from torch import nn

from millinet.data.dataset import DataSet
from millinet.device import evaluating

FAINT: Final = 1e-3
"""Below this a network hardly tells images apart; freshly built networks with norms are above 0.1."""

NUM_IMAGES: Final = 64


def starting_signal(model: nn.Module, data: DataSet) -> float:
    """Return how far the answers to different images lie apart: their deviation, averaged over the classes.

    Of a single image nothing can be told, and the answer is infinite.

    Args:
        model: A classifier on the CPU, before training; its mode is put back.
        data: The first training images are looked at.
    """
    if len(data.train) < 2:
        return math.inf
    images = data.normalise(data.train.pixels(torch.arange(min(NUM_IMAGES, len(data.train)))))
    # In training mode batch norms use these images' own statistics, as the first step will.
    with evaluating(model):
        before = {name: buffer.clone() for name, buffer in model.named_buffers()}
        model.train()
        logits = model(images)
        for name, buffer in model.named_buffers():
            buffer.copy_(before[name])
    return float(logits.std(0, correction=0).mean())


def faint_note(signal: float) -> str | None:
    """Say what to do about a network that hardly sees its input; None where it does."""
    if signal >= FAINT:
        return None
    return (
        f"the network's answers hardly depend on the image (deviation {signal:.1g}, under {FAINT:g}), so it "
        f"will hardly train: give it batch norms, He initialisation or fewer layers; see docs/small-data.md"
    )
