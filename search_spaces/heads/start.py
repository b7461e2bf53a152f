"""Fill a dictionary from features before training: for a frozen or pretrained backbone, or many classes."""

from collections.abc import Callable, Mapping
from typing import Final

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812 - torch's own name for it
from torch import Tensor

from millinet.errors import ConfigError
from search_spaces.heads.readouts import ResidualReadout
from search_spaces.heads.sparse_coded import SparseCoded


def start_dictionary(
    head: SparseCoded, features: Tensor, labels: Tensor, *, nuisance: int = 0, seed: int = 0
) -> None:
    """Set statistics and atoms of `head` from pooled features, in the way its `start` option says.

    Args:
        head: Changed in place.
        features: Pooled features, shape (images, features).
        labels: Class of each image, shape (images,).
        nuisance: Number of strongest within-class directions to project out of class means; helps with few
            images of many classes.
        seed: Of k-means and dictionary learning.

    Raises:
        ConfigError: If a class has fewer images than atoms, or class means are asked for atoms that belong
            to no class.
    """
    coder = head.coder
    with torch.no_grad():
        norm = coder.normalise
        for buffer, value in ((norm.running_mean, features.mean(0)), (norm.running_var, features.var(0))):
            if buffer is not None:
                buffer.copy_(value)
        was_training = norm.training
        norm.eval()
        unit = coder.unit_features(features)
        norm.train(was_training)
        atoms = _STARTS[head.start](head, unit, labels, seed)
        if nuisance:
            atoms = _without_nuisance(atoms, unit, labels, nuisance)
        coder.weight.copy_(F.normalize(atoms, dim=1))
    coder.refresh_bound()


def _random(head: SparseCoded, unit: Tensor, labels: Tensor, seed: int) -> Tensor:
    del unit, labels, seed
    return head.coder.weight


def _class_means(head: SparseCoded, unit: Tensor, labels: Tensor, seed: int) -> Tensor:
    """Centre each class's atoms in its images."""
    if not isinstance(head.readout, ResidualReadout):
        raise ConfigError("start 'class-means' needs the read-out 'residual', whose atoms belong to classes")
    return torch.cat(
        [_centres(unit[labels == label], count, seed) for label, count in enumerate(_per_class(head.readout))]
    )


def _per_class(readout: ResidualReadout) -> list[int]:
    return [int(count) for count in readout.membership.sum(0)]


def _centres(images: Tensor, num_atoms: int, seed: int) -> Tensor:
    if len(images) < num_atoms:
        raise ConfigError(f"each class needs an image for each of its {num_atoms} atoms, got {len(images)}")
    if num_atoms == 1:
        return images.mean(0, keepdim=True)
    from sklearn.cluster import KMeans

    found = KMeans(num_atoms, n_init=4, random_state=seed).fit(images.cpu().numpy())
    return torch.as_tensor(found.cluster_centers_, dtype=images.dtype, device=images.device)


def _without_nuisance(atoms: Tensor, unit: Tensor, labels: Tensor, num_directions: int) -> Tensor:
    known = torch.unique(labels)
    means = torch.stack([unit[labels == label].mean(0) for label in known])
    residuals = unit - means[torch.searchsorted(known, labels)]
    directions = torch.linalg.svd(residuals, full_matrices=False).Vh[:num_directions]
    return atoms - atoms @ directions.T @ directions


def _learnt(head: SparseCoded, unit: Tensor, labels: Tensor, seed: int) -> Tensor:
    """Learn the atoms by scikit-learn: each class's own where classes own atoms, else all together."""
    if not isinstance(head.readout, ResidualReadout):
        return _fitted(unit, len(head.coder.weight), head, seed)
    counts = enumerate(_per_class(head.readout))
    return torch.cat([_fitted(unit[labels == label], count, head, seed) for label, count in counts])


def _fitted(images: Tensor, num_atoms: int, head: SparseCoded, seed: int) -> Tensor:
    from sklearn.decomposition import MiniBatchDictionaryLearning

    if len(images) == 0:
        raise ConfigError("dictionary learning needs an image of every class that owns atoms")
    alpha = float(head.coder.log_penalty.exp().mean())
    learner = MiniBatchDictionaryLearning(
        num_atoms, alpha=alpha, positive_code=True, fit_algorithm="cd", random_state=seed
    )
    found = learner.fit(images.cpu().numpy().astype(np.float64)).components_
    return torch.as_tensor(found, dtype=images.dtype, device=images.device)


_STARTS: Final[Mapping[str, Callable[[SparseCoded, Tensor, Tensor, int], Tensor]]] = {
    "random": _random,
    "class-means": _class_means,
    "dictionary-learning": _learnt,
}
