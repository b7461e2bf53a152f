"""How often a model is right, with the interval that so many images allow."""

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from millinet.data.dataset import DataSet, Split
from millinet.data.feed import Feed, deal, make_feed
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
    model: nn.Module,
    split: Split,
    *,
    data: DataSet,
    device: torch.device | str = "cpu",
    batch_size: int = 512,
    feed: Feed | None = None,
) -> Evaluation:
    """Classify every image of a split once, in fp32.

    Args:
        model: A classifier on `device`; its mode is put back.
        split: One of the data set's splits.
        data: The data set, for its normalisation.
        device: Where to compute.
        batch_size: Most images in one forward pass.
        feed: A feed of this split to use again; None makes one.
    """
    place = torch.device(device)
    correct = torch.zeros((), dtype=torch.int64, device=place)
    loss = torch.zeros((), device=place)
    normalise = data.normaliser(place)
    chosen = deal(torch.arange(len(split), device=place), batch_size)
    with evaluating(model):
        for images, labels in (feed or make_feed(split, place))(chosen):
            logits = model(normalise(images)).float()
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


def predict(
    model: nn.Module,
    split: Split,
    *,
    data: DataSet,
    device: torch.device | str = "cpu",
    batch_size: int = 512,
) -> Tensor:
    """Return the class chosen for every image of a split, shape (images,), int64, on the CPU."""
    place = torch.device(device)
    normalise = data.normaliser(place)
    chosen = deal(torch.arange(len(split), device=place), batch_size)
    with evaluating(model):
        parts = [model(normalise(images)).argmax(1).cpu() for images, _ in make_feed(split, place)(chosen)]
    return torch.cat(parts) if parts else torch.empty(0, dtype=torch.int64)
