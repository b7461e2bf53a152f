"""A data set of the user's own: `pkg.module:factory`, a function that returns a torch Dataset.

The function takes no argument and returns a Dataset of (image, label), or a dict of such with the keys train,
validation and test, of which the last two may be missing. An image is a Pillow image, or a tensor or array of
shape (channels, height, width): uint8, or floating in a scale of its own. A label is an integer from 0.
An item that cannot be read is left out and listed; one that is something else ends the reading.
"""

import sys
from collections.abc import Mapping, Sequence
from importlib import import_module
from importlib.util import find_spec
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from millinet.data.collection import Collection, Part
from millinet.data.images import image_to_tensor
from millinet.data.reshape import reshaped
from millinet.data.spec import DataOptions, DataSpec
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
                image, label = _item(dataset, index, spec.options)
            except _UnreadableItemError as error:
                skipped.append(f"{source} item {key}: {error}")
                continue
            except DataError as error:
                raise DataError(f"{source} item {key}: {error}") from error
            if part is not None:
                parts.setdefault(part, []).append(len(images))
            images.append(image)
            labels.append(label)
            keys.append(key)
    return Collection(
        images=_stacked(images, keys, source, skipped),
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


def _item(dataset: Any, index: int, options: DataOptions) -> tuple[Tensor, int]:
    try:
        item = dataset[index]
    except Exception as error:  # one broken file must not end the reading of the others
        raise _UnreadableItemError(f"it raised {type(error).__name__}: {error}") from error
    if not isinstance(item, Sequence) or isinstance(item, str) or len(item) != 2:
        raise DataError(f"an item must be (image, label), got {_told(item)}")
    image, label = item
    pixels = _picture(image, options) if isinstance(image, Image.Image) else _array(image)
    return reshaped(pixels.unsqueeze(0), options)[0], _label(label)


def _picture(image: Image.Image, options: DataOptions) -> Tensor:
    resolution = None if options.size is None else (options.size, options.size)
    try:
        return image_to_tensor(image, channels=options.channels, resolution=resolution)
    except (DataError, OSError) as error:  # Pillow reads a file when its pixels are asked for
        raise _UnreadableItemError(str(error)) from error


def _array(image: Any) -> Tensor:
    try:
        pixels = image.detach().cpu() if isinstance(image, Tensor) else torch.as_tensor(np.asarray(image))
    except (TypeError, ValueError) as error:
        raise DataError(f"an image must be a picture, a tensor or an array, got {_told(image)}") from error
    if pixels.ndim == 2:
        pixels = pixels.unsqueeze(0)
    shape = tuple(pixels.shape)
    if len(shape) != 3 or 0 in shape:
        raise DataError(f"an image must have the shape (channels, height, width), got {shape}")
    if shape[2] in (3, 4) and min(shape[:2]) > 4:
        raise DataError(
            f"an image must have the shape (channels, height, width), got {shape}, which looks like (height, "
            f"width, channels); transpose it in the data set"
        )
    if pixels.dtype != torch.uint8:
        pixels = pixels.float()
        if not bool(torch.isfinite(pixels).all()):
            raise _UnreadableItemError("it holds pixels that are not finite (NaN or infinity)")
    return pixels


def _label(label: Any) -> int:
    is_array = isinstance(label, (Tensor, np.ndarray, np.generic))
    number = label.item() if is_array and prod(label.shape) == 1 else label
    if isinstance(number, bool) or not isinstance(number, int):
        raise DataError(f"a label must be an integer from 0, got {_told(label)}")
    return number


def _told(value: Any) -> str:
    """Describe a value in a few words, however large it is."""
    shape = getattr(value, "shape", None)
    if shape is not None and len(shape):
        return f"a {type(value).__name__} of shape {tuple(shape)}"
    if isinstance(value, (list, tuple, dict)):
        return f"a {type(value).__name__} of {len(value)}"
    return f"{value!r:.60}"


def _stacked(images: list[Tensor], keys: list[str], source: str, skipped: list[str]) -> Tensor:
    if not images:
        raise DataError(f"{source} has no usable image" + (f" (the first: {skipped[0]})" if skipped else ""))
    for key, image in zip(keys, images, strict=True):
        if image.shape != images[0].shape or image.dtype != images[0].dtype:
            raise DataError(
                f"all images must be alike, {source} item {key} is {tuple(image.shape)} {image.dtype}, the "
                f"first {tuple(images[0].shape)} {images[0].dtype}; bring them together with ,size=N and "
                f",channels=1 or 3 after the name, or in the data set"
            )
    return torch.stack(images)


def _class_names(dataset: Any, labels: list[int]) -> tuple[str, ...]:
    names = getattr(dataset, "classes", None)
    if names is not None:
        return tuple(str(name) for name in names)
    return tuple(str(index) for index in range(max(labels) + 1))
