"""How often a model is right, with the interval that so many images allow."""

from typing import NamedTuple

import torch
from torch import nn
from torch.nn import functional

from millinet.data.batches import batches
from millinet.data.dataset import DataSet, Split
from millinet.device import evaluating
from millinet.statistics import wilson_interval


class Evaluation(NamedTuple):
    """What a model does on a split."""

    accuracy: float
    """Fraction of images put into their class."""
    loss: float
    """Mean cross-entropy, in nats."""
    num_images: int
    correct: int
    low: float
    """Lower end of the 95% Wilson interval of the accuracy."""
    high: float
    """Upper end of it."""


def evaluate(
    model: nn.Module, split: Split, *, data: DataSet, device: torch.device | str, batch_size: int = 512
) -> Evaluation:
    """Classify every image of a split once.

    Args:
        model: A classifier on `device`; its mode is put back.
        split: One of the data set's splits.
        data: The data set, for its normalisation.
        device: Where to compute.
        batch_size: Most images in one forward pass.
    """
    place = torch.device(device)
    correct = torch.zeros((), dtype=torch.int64, device=place)
    loss = torch.zeros((), dtype=torch.float64, device=place)
    with evaluating(model):
        for images, labels in batches(split, batch_size=batch_size, device=place):
            logits = model(data.normalise(images)).float()
            correct += (logits.argmax(1) == labels).sum()
            loss += functional.cross_entropy(logits, labels, reduction="sum")
    num_images, num_correct = len(split), int(correct)
    interval = wilson_interval(num_correct, num_images)
    return Evaluation(
        accuracy=num_correct / num_images,
        loss=float(loss) / num_images,
        num_images=num_images,
        correct=num_correct,
        low=interval.low,
        high=interval.high,
    )
