"""In which order an epoch visits the images; all of it follows from a seed and the epoch's number."""

import numpy as np
import torch
from torch import Tensor

from millinet.training.objective import balanced_weights


def epoch_seed(seed: int, epoch: int, *, rank: int = 0) -> int:
    """Mix a seed with an epoch's number, and with the rank of a process among several."""
    return int(np.random.SeedSequence([seed, epoch, rank]).generate_state(1, np.uint64)[0] >> 1)


def shuffled(num_images: int, *, seed: int) -> Tensor:
    """Return every index once, int64 on the CPU."""
    return torch.randperm(num_images, generator=torch.Generator().manual_seed(seed))


def class_balanced(labels: Tensor, num_classes: int, *, seed: int) -> Tensor:
    """Draw as many indices as there are images, each class as often as any other.

    Args:
        labels: int64, shape (images,).
        num_classes: Classes of the set.
        seed: Decides the draw.

    Returns:
        int64 on the CPU; images of rare classes come more than once, some of frequent ones not at all.
    """
    weights = balanced_weights(labels, num_classes)[labels.cpu()]
    generator = torch.Generator().manual_seed(seed)
    return torch.multinomial(weights, len(labels), replacement=True, generator=generator)
