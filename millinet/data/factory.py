"""A data set of the user's own: `pkg.module:factory`, a function that returns a torch Dataset.

The function takes no argument and returns a Dataset of (image, label), or a dict of such with the keys train,
validation and test, of which the last two may be missing. An image is a Pillow image, or a tensor or array of
shape (channels, height, width): uint8, or floating in a scale of its own. A label is an integer from 0.
"""

import sys
from collections.abc import Mapping
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from millinet.data.collection import Collection, Part
from millinet.data.images import image_to_tensor
from millinet.data.reshape import reshaped
from millinet.data.spec import DataSpec
from millinet.errors import DataError


def is_factory(name: str) -> bool:
    """Tell whether `name` is a module that can be imported, here or from the working folder."""
    sys.path.insert(0, str(Path.cwd()))
    try:
        return find_spec(name) is not None
    except (ImportError, ValueError):
        return False
    finally:
        sys.path.pop(0)


def read_factory(spec: DataSpec) -> Collection:
    """Call the user's function and take all its images into memory.

    Raises:
        DataError: If it cannot be called, or returns something else; the message names the item.
    """
    source = f"{spec.name}:{spec.argument}"
    made = _call(spec.name, spec.argument)
    datasets: Mapping[Any, Any] = made if isinstance(made, Mapping) else {None: made}
    foreign = [part for part in datasets if part not in (None, "train", "validation", "test")]
    if foreign:
        raise DataError(f"{source} may return train, validation and test, got a part called {foreign[0]!r}")
    images: list[Tensor] = []
    labels: list[int] = []
    keys: list[str] = []
    skipped: list[str] = []
    parts: dict[Part, list[int]] = {}
    for part, dataset in datasets.items():
        for index in range(_length(dataset, source)):
            key = f"{part}/{index:08d}" if part else f"{index:08d}"
            try:
                image, label = _item(dataset[index], spec.options.channels)
            except _UnreadableItemError as error:
                skipped.append(f"{source} item {key}: {error}")
                continue
            if part is not None:
                parts.setdefault(part, []).append(len(images))
            images.append(image)
            labels.append(label)
            keys.append(key)
    return Collection(
        images=reshaped(_stacked(images, keys, source), spec.options),
        labels=torch.tensor(labels, dtype=torch.int64),
        class_names=_class_names(next(iter(datasets.values())), labels),
        keys=tuple(keys),
        parts=parts,
        skipped=tuple(skipped),
    )


class _UnreadableItemError(Exception):
    """One item of a data set cannot be used; the message is the reason alone."""


def _call(module: str, attribute: str) -> Any:
    sys.path.insert(0, str(Path.cwd()))
    try:
        function = getattr(import_module(module), attribute, None)
        if not callable(function):
            raise DataError(f"{module} has no function {attribute!r}; give pkg.module:factory")
        return function()
    except DataError:
        raise
    except Exception as error:  # whatever a user's factory raises is one line for its author
        raise DataError(f"{module}:{attribute} raised {type(error).__name__}: {error}") from error
    finally:
        sys.path.pop(0)


def _length(dataset: Any, source: str) -> int:
    try:
        return len(dataset)
    except TypeError as error:
        raise DataError(
            f"{source} must return a Dataset with a length, got {type(dataset).__name__}; "
            f"an IterableDataset cannot be split"
        ) from error


def _item(item: Any, channels: int | None) -> tuple[Tensor, int]:
    try:
        image, label = item
    except (TypeError, ValueError) as error:
        raise DataError(f"an item must be (image, label), got {type(item).__name__}") from error
    if isinstance(image, Image.Image):
        return image_to_tensor(image, channels=channels), _label(label)
    pixels = torch.as_tensor(np.asarray(image)) if not isinstance(image, Tensor) else image.detach().cpu()
    if pixels.ndim == 2:
        pixels = pixels.unsqueeze(0)
    if pixels.ndim != 3:
        raise DataError(f"an image must have the shape (channels, height, width), got {tuple(pixels.shape)}")
    if pixels.dtype != torch.uint8:
        pixels = pixels.float()
        if not bool(torch.isfinite(pixels).all()):
            raise _UnreadableItemError("it holds pixels that are not finite (NaN or infinity)")
    return pixels, _label(label)


def _label(label: Any) -> int:
    number = label.item() if isinstance(label, (Tensor, np.generic)) else label
    if isinstance(number, bool) or not isinstance(number, int):
        raise DataError(f"a label must be an integer from 0, got {label!r}")
    return number


def _stacked(images: list[Tensor], keys: list[str], source: str) -> Tensor:
    if not images:
        raise DataError(f"{source} has no usable image")
    for key, image in zip(keys, images, strict=True):
        if image.shape != images[0].shape or image.dtype != images[0].dtype:
            raise DataError(
                f"all images must be alike, {source} item {key} is {tuple(image.shape)} {image.dtype}, the "
                f"first {tuple(images[0].shape)} {images[0].dtype}; resize them in the data set"
            )
    return torch.stack(images)


def _class_names(dataset: Any, labels: list[int]) -> tuple[str, ...]:
    names = getattr(dataset, "classes", None)
    if names is not None:
        return tuple(str(name) for name in names)
    return tuple(str(index) for index in range(max(labels) + 1))
