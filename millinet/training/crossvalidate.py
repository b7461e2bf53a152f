"""The accuracy of a recipe on a small set, with an interval: repeated stratified k-fold.

With 300 images one validation split of 45 says little. Here every image outside the test split is judged once
a repetition, by a network that has not seen it.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Final, NamedTuple

import torch
from torch import nn

from millinet.data.dataset import DataSet, Split
from millinet.data.normalisation import channel_moments
from millinet.data.splits import stratified, stratified_folds
from millinet.errors import ConfigError
from millinet.statistics import Interval, mean_interval, t_factor
from millinet.training.evaluate import evaluate
from millinet.training.fit import fit
from millinet.training.recipe import Recipe

HELD_SHARE: Final = 1 / 7
"""Share of the images outside the fold that early stopping judges by."""


class CrossValidation(NamedTuple):
    """What repeated k-fold found."""

    accuracies: list[float]
    """Accuracy on each fold left out, repetition by repetition."""
    interval: Interval
    """Their mean, with an interval that allows for the folds sharing training images."""
    num_images: int
    """Images judged in each repetition."""


def cross_validate(  # noqa: PLR0913 - as `fit`, and the two numbers of the method
    make_model: Callable[[], nn.Module],
    data: DataSet,
    recipe: Recipe,
    *,
    num_folds: int = 5,
    repeats: int = 2,
    device: str | torch.device | None = None,
    seed: int = 0,
) -> CrossValidation:
    """Train and judge `num_folds * repeats` networks on the training and validation images.

    The test split is not touched. Within each training part a seventh is held back for early stopping, so
    that the fold left out chooses nothing.

    Args:
        make_model: Builds a fresh network; called once a fold, after seeding.
        data: The data set; its images must be held in memory.
        recipe: How to train.
        num_folds: At least 2.
        repeats: At least 1; each deals the folds anew.
        device: Where to train.
        seed: Decides folds, initial weights and training.

    Raises:
        ConfigError: If the numbers are out of range, or the images are streamed.
        DataError: If some fold would leave no image for early stopping.
    """
    dealt = deal_folds(data, num_folds=num_folds, repeats=repeats, seed=seed)
    known = _known(data)
    accuracies = []
    for fold in dealt:
        part = _part(data, known, fold)
        with torch.random.fork_rng():
            torch.manual_seed(fold.seed)
            model = make_model()
        fit(model, part, recipe, device=device, seed=fold.seed)
        accuracies.append(evaluate(model, part.test, data=part).accuracy)
    return CrossValidation(accuracies, resampled_interval(accuracies, num_folds=num_folds), len(known))


class Fold(NamedTuple):
    """One training of a cross-validation: places among the training and then the validation images."""

    train: list[int]
    held: list[int]
    """What early stopping judges by."""
    judged: list[int]
    """What the network is judged by."""
    seed: int


def deal_folds(data: DataSet, *, num_folds: int, repeats: int = 2, seed: int = 0) -> list[Fold]:
    """Deal the images of `cross_validate`, or say that it cannot be done, before anything is trained.

    Args:
        data: The data set; its images must be held in memory.
        num_folds: At least 2.
        repeats: At least 1.
        seed: Another one deals otherwise.

    Raises:
        ConfigError: If the numbers are out of range, or the images are streamed.
        DataError: If some fold would leave no image for early stopping.
    """
    if not (data.train.is_in_memory and data.validation.is_in_memory):
        raise ConfigError(
            "k-fold is for small sets held in memory, got one that is streamed; leave it out, or hold more "
            "with ,memory=MIB after the data set"
        )
    labels = [*data.train.labels.tolist(), *data.validation.labels.tolist()]
    if repeats < 1 or not 2 <= num_folds <= len(labels) // 2:
        raise ConfigError(
            f"k-fold needs at least 2 folds of at least 2 images, dealt once or more, got {num_folds} folds "
            f"of {len(labels)} images, dealt {repeats} times; 5 folds dealt twice are usual"
        )
    keys = [str(index) for index in range(len(labels))]
    return [
        _fold(labels, judged, seed=seed + 1_000 * repeat + number)
        for repeat in range(repeats)
        for number, judged in enumerate(
            stratified_folds(labels, keys, num_folds=num_folds, salt=f"folds {seed} {repeat}")
        )
    ]


def _fold(labels: Sequence[int], judged: list[int], *, seed: int) -> Fold:
    """Hold a part of what is not judged back for early stopping."""
    chosen = set(judged)
    rest = [index for index in range(len(labels)) if index not in chosen]
    kept, held = stratified(
        [labels[index] for index in rest],
        [str(index) for index in rest],
        fraction=HELD_SHARE,
        salt=f"held {seed}",
    )
    return Fold([rest[index] for index in kept], [rest[index] for index in held], judged, seed)


def resampled_interval(accuracies: Sequence[float], *, num_folds: int, confidence: float = 0.95) -> Interval:
    """Bound the mean accuracy over folds whose training images overlap.

    The plain interval of the mean would be too narrow: its variance 1 / n becomes 1 / n + test / train images
    (Nadeau and Bengio, "Inference for the Generalization Error", 2003, section 5).

    Args:
        accuracies: Of each fold, at least two.
        num_folds: Folds in a repetition.
        confidence: Coverage wanted, a fraction.
    """
    count = len(accuracies)
    plain = mean_interval(accuracies, confidence=confidence)
    deviation = (plain.high - plain.estimate) / t_factor(count - 1, confidence) * math.sqrt(count)
    half = t_factor(count - 1, confidence) * deviation * math.sqrt(1.0 / count + 1.0 / (num_folds - 1))
    return Interval(plain.estimate, max(0.0, plain.estimate - half), min(1.0, plain.estimate + half))


def _known(data: DataSet) -> Split:
    """Join the images that may be looked at, all in memory."""
    parts = (data.train, data.validation)
    return Split(
        torch.cat([part.pixels(torch.arange(len(part))) for part in parts]),
        torch.cat([part.labels for part in parts]),
    )


def _part(data: DataSet, known: Split, fold: Fold) -> DataSet:
    """Make a set whose test split is the fold, and whose other splits are the rest."""
    train = known.subset(fold.train)
    mean, std = channel_moments(train)
    return replace(
        data,
        train=train,
        validation=known.subset(fold.held),
        test=known.subset(fold.judged),
        mean=mean,
        std=std,
    )
