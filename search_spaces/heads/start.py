"""Fill a dictionary from features before training: for a pretrained backbone, or for many classes.

`random` leaves unit atoms for training to move. `class-means` centres each class's atoms in its images;
where images are few and classes many, the strongest directions in which images of one class differ are
projected out of them. `dictionary-learning` fits the atoms to reconstruct the features (Mairal et al., 2009).
"""

from collections.abc import Callable, Mapping
from typing import Final, Literal, NamedTuple
from warnings import catch_warnings, simplefilter

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812 - torch's own name for it
from torch import Tensor

from millinet.errors import ConfigError
from search_spaces.heads.dictionary import Dictionary
from search_spaces.heads.readouts import Readout, ResidualReadout

Start = Literal["random", "class-means", "dictionary-learning"]

_SEED: Final = 0
"""Of k-means and dictionary learning, so that the same features start the same dictionary."""


class _Task(NamedTuple):
    """What atoms are found from: unit features (images, features) and the class of each image."""

    coder: Dictionary
    readout: Readout
    unit: Tensor
    labels: Tensor


@torch.no_grad()
def start_dictionary(
    coder: Dictionary,
    readout: Readout,
    features: Tensor,
    labels: Tensor,
    *,
    start: Start,
    nuisance: int = 0,
) -> None:
    """Set the statistics and atoms of a dictionary from features.

    Args:
        coder: Changed in place.
        readout: Says which class owns which atom.
        features: Pooled features, shape (images, features).
        labels: Class of each image, shape (images,).
        start: How atoms are found.
        nuisance: Number of strongest within-class directions to project out of them.

    Raises:
        ConfigError: If a class has fewer images than atoms, or there are too few images for the directions.
    """
    coder.take_statistics(features)
    task = _Task(coder, readout, coder.unit_features(features), labels)
    atoms = _STARTS[start](task)
    if nuisance:
        atoms = _without_nuisance(atoms, task, nuisance)
    # An atom that learning left empty keeps its random direction: zero has none.
    is_empty = atoms.norm(dim=1, keepdim=True) < 1e-6
    coder.weight.copy_(F.normalize(torch.where(is_empty, coder.weight, atoms), dim=1))
    coder.refresh_bound()


def _random(task: _Task) -> Tensor:
    return task.coder.weight


def _class_means(task: _Task) -> Tensor:
    """Centre each class's atoms in its images."""
    if not isinstance(task.readout, ResidualReadout):
        raise ConfigError(
            "start 'class-means' needs the read-out 'residual', whose atoms belong to classes, got 'linear'"
        )
    groups = enumerate(_atoms_per_class(task.readout))
    return torch.cat([_centres(task.unit[task.labels == label], count, label) for label, count in groups])


def _atoms_per_class(readout: ResidualReadout) -> list[int]:
    return [int(count) for count in readout.membership.sum(0)]


def _centres(images: Tensor, num_atoms: int, label: int) -> Tensor:
    if len(images) < num_atoms:
        raise ConfigError(
            f"start 'class-means' needs an image for each of the {num_atoms} atoms of a class, class {label} "
            f"has {len(images)}; use fewer atoms or start 'random'"
        )
    if num_atoms == 1:
        return images.mean(0, keepdim=True)
    from sklearn.cluster import KMeans

    found = KMeans(num_atoms, n_init=4, random_state=_SEED).fit(images.cpu().numpy())
    return torch.as_tensor(found.cluster_centers_, dtype=images.dtype, device=images.device)


def _without_nuisance(atoms: Tensor, task: _Task, num_directions: int) -> Tensor:
    unit, labels = task.unit, task.labels
    known = torch.unique(labels)
    spare = min(len(unit) - len(known), unit.shape[1] - 1)
    if num_directions > spare:
        raise ConfigError(
            f"nuisance={num_directions} directions need more than {len(unit)} images of {len(known)} classes "
            f"and {unit.shape[1]} features, which allow {max(0, spare)}"
        )
    means = torch.stack([unit[labels == label].mean(0) for label in known])
    residuals = unit - means[torch.searchsorted(known, labels)]
    directions = torch.linalg.svd(residuals, full_matrices=False).Vh[:num_directions]
    return atoms - atoms @ directions.T @ directions


def _learnt(task: _Task) -> Tensor:
    """Learn the atoms by scikit-learn: each class's own where classes own atoms, else all together."""
    penalty = float(task.coder.log_penalty.exp().mean())
    if not isinstance(task.readout, ResidualReadout):
        return _fitted(task.unit, len(task.coder.weight), penalty)
    groups = enumerate(_atoms_per_class(task.readout))
    return torch.cat([_fitted(task.unit[task.labels == label], count, penalty) for label, count in groups])


def _fitted(images: Tensor, num_atoms: int, penalty: float) -> Tensor:
    from sklearn.decomposition import MiniBatchDictionaryLearning
    from sklearn.exceptions import ConvergenceWarning

    if len(images) == 0:
        raise ConfigError("start 'dictionary-learning' needs an image of every class that owns atoms, got 0")
    learner = MiniBatchDictionaryLearning(
        num_atoms, alpha=penalty, positive_code=True, fit_algorithm="cd", random_state=_SEED
    )
    with catch_warnings():
        # Coordinate descent warns of every code it leaves unfinished; training goes on from here anyway.
        simplefilter("ignore", ConvergenceWarning)
        found = learner.fit(images.cpu().numpy().astype(np.float64)).components_
    return torch.as_tensor(found, dtype=images.dtype, device=images.device)


_STARTS: Final[Mapping[Start, Callable[[_Task], Tensor]]] = {
    "random": _random,
    "class-means": _class_means,
    "dictionary-learning": _learnt,
}
