"""Split a labelled set so that every part has its share of every class.

Images are ordered within their class by a hash of their key, so the choice depends on nothing but the keys
and a salt: not on the order of a directory listing, and hardly on images added later.
"""

import hashlib
from collections import defaultdict
from collections.abc import Hashable, Sequence

from millinet.errors import DataError


def stratified(
    labels: Sequence[int], keys: Sequence[str], *, fraction: float, salt: str, whole: int | None = None
) -> tuple[list[int], list[int]]:
    """Take a share of every class.

    A class gives its share rounded up or down so that the sum is right, and always keeps at least one image.
    A class of one image is therefore never taken from.

    Args:
        labels: Class of each image.
        keys: Name of each image, unique.
        fraction: Share to take, in (0, 1).
        salt: Another salt is another split.
        whole: Images the share is counted from; None counts these.

    Returns:
        Indices kept and indices taken, each ascending.

    Raises:
        DataError: If nothing can be taken because every class has one image.
    """
    ranked = _ranked_by_class(labels, keys, salt)
    wanted = max(1, round(fraction * (len(labels) if whole is None else whole)))
    quotas = _quotas({name: len(members) for name, members in ranked.items()}, wanted, salt)
    taken = sorted(index for name, members in ranked.items() for index in members[: quotas[name]])
    if not taken:
        raise DataError(
            f"a split needs a class of at least 2 images, got {len(labels)} images in {len(ranked)} classes; "
            f"add images or give the parts as separate folders"
        )
    chosen = set(taken)
    return [index for index in range(len(labels)) if index not in chosen], taken


def stratified_folds(
    labels: Sequence[int], keys: Sequence[str], *, num_folds: int, salt: str
) -> list[list[int]]:
    """Deal the images into folds, class by class; each image is in exactly one.

    Args:
        labels: Class of each image.
        keys: Name of each image, unique.
        num_folds: At least 2.
        salt: Another salt is another dealing.

    Returns:
        Ascending indices of each fold; sizes differ by at most one, also within a class.
    """
    folds: list[list[int]] = [[] for _ in range(num_folds)]
    # One running count over all classes: small classes then fill different folds instead of all the first.
    dealt = (index for members in _ranked_by_class(labels, keys, salt).values() for index in members)
    for position, index in enumerate(dealt):
        folds[position % num_folds].append(index)
    return [sorted(fold) for fold in folds]


def _ranked_by_class(labels: Sequence[int], keys: Sequence[str], salt: str) -> dict[int, list[int]]:
    members: dict[int, list[int]] = defaultdict(list)
    for index, label in enumerate(labels):
        members[label].append(index)
    return {
        label: sorted(members[label], key=lambda index: _hash(salt, keys[index])) for label in sorted(members)
    }


def _quotas(sizes: dict[int, int], wanted: int, salt: str) -> dict[int, int]:
    """Share `wanted` out in proportion to `sizes` by largest remainder, leaving one of each class."""
    share = wanted / max(1, sum(sizes.values()))
    quotas = {name: min(int(share * size), size - 1) for name, size in sizes.items()}
    by_remainder = sorted(
        sizes, key=lambda name: (int(share * sizes[name]) - share * sizes[name], _hash(salt, name))
    )
    for name in by_remainder:
        if sum(quotas.values()) >= wanted:
            break
        if quotas[name] < sizes[name] - 1:
            quotas[name] += 1
    return quotas


def _hash(salt: str, key: Hashable) -> str:
    return hashlib.sha256(f"{salt}\0{key}".encode("utf-8", "surrogateescape")).hexdigest()
