"""Make a data set of a collection: split it, measure its channels, name what is missing."""

import hashlib
from dataclasses import replace

from torch import Tensor

from millinet.data.collection import Collection, Part
from millinet.data.dataset import DataSet, Split
from millinet.data.moments import known_moments
from millinet.data.spec import DataSpec
from millinet.data.splits import stratified
from millinet.errors import DataError


def assemble(collection: Collection, spec: DataSpec, *, seed: int) -> DataSet:
    """Split a collection, where its source has not, and measure its channels.

    The test split does not depend on the seed: what one run has trained on, no other run is judged by.

    Args:
        collection: What the reader found.
        spec: What the user asked for.
        seed: Chooses the validation split.

    Raises:
        DataError: If a label has no class, or a split would be empty.
    """
    _check_labels(collection)
    parts = _parts(collection, spec, seed)
    splits = {part: _split(collection, indices) for part, indices in parts.items()}
    fingerprint = _fingerprint(collection, parts)
    mean, std = known_moments(splits["train"], fingerprint=fingerprint)
    invariances = collection.invariances
    if spec.options.mirror is not None:
        invariances = replace(invariances, has_mirror=spec.options.mirror)
    return DataSet(
        spec=spec.text,
        class_names=collection.class_names,
        input_shape=collection.input_shape,
        train=splits["train"],
        validation=splits["validation"],
        test=splits["test"],
        mean=mean,
        std=std,
        fingerprint=fingerprint,
        invariances=invariances,
        skipped=list(collection.skipped),
        notes=[*collection.notes, *_gaps(splits, collection.class_names)],
    )


def _check_labels(collection: Collection) -> None:
    num_classes, labels = len(collection.class_names), collection.labels
    num_seen = len(set(labels.tolist()))
    if num_seen < 2:
        broken = f"; {len(collection.skipped)} could not be read" if collection.skipped else ""
        raise DataError(
            f"a classifier needs images of 2 or more classes, got {len(labels)} of {num_seen} classes{broken}"
        )
    wrong = (labels < 0) | (labels >= num_classes)
    if wrong.any():
        first = int(wrong.nonzero()[0])
        raise DataError(
            f"labels must be in [0, {num_classes}), got {int(labels[first])} for {collection.keys[first]} "
            f"({int(wrong.sum())} such); number the classes from 0"
        )


def _parts(collection: Collection, spec: DataSpec, seed: int) -> dict[Part, list[int]]:
    """Complete the parts the source has fixed, by splitting the training part."""
    parts = dict(collection.parts)
    assigned = {index for indices in parts.values() for index in indices}
    train = parts.pop("train", None) or [
        index for index in range(len(collection.labels)) if index not in assigned
    ]
    labels = collection.labels.tolist()
    whole = len(train)
    wanted: tuple[tuple[Part, float, str], ...] = (
        ("test", spec.options.test, "test"),
        ("validation", spec.options.validation, f"validation {seed}"),
    )
    for part, fraction, salt in wanted:
        if part not in parts:
            keep, chosen = stratified(
                [labels[index] for index in train],
                [collection.keys[index] for index in train],
                fraction=fraction,
                salt=salt,
                whole=whole,
            )
            parts[part] = [train[index] for index in chosen]
            train = [train[index] for index in keep]
    parts["train"] = train
    empty = [part for part, indices in parts.items() if not indices]
    if empty:
        raise DataError(
            f"the {empty[0]} split has no image; add images or leave out its folder to split the rest"
        )
    return parts


def _split(collection: Collection, indices: list[int]) -> Split:
    return Split(collection.images, collection.labels).subset(indices)


def _gaps(splits: dict[Part, Split], class_names: tuple[str, ...]) -> list[str]:
    """Name the classes that a split lacks."""
    notes = []
    for part, split in sorted(splits.items()):
        counts = split.class_counts(len(class_names))
        missing = [name for name, count in zip(class_names, counts, strict=True) if count == 0]
        if missing:
            named = ", ".join(missing[:5]) + (", ..." if len(missing) > 5 else "")
            notes.append(
                f"{len(missing)} of {len(class_names)} classes have no image in the {part} split: {named}"
            )
    return notes


def _fingerprint(collection: Collection, parts: dict[Part, list[int]]) -> str:
    digest = hashlib.sha256(
        repr((collection.class_names, collection.input_shape, collection.fingerprint)).encode()
    )
    digest.update(collection.labels.numpy().tobytes())
    if isinstance(collection.images, Tensor):
        digest.update(collection.images.numpy().tobytes())
    for part in sorted(parts):
        digest.update(repr((part, parts[part])).encode())
    return digest.hexdigest()[:16]
