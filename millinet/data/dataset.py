"""A data set as training sees it: three splits, their classes, and how to bring pixels to the usual scale."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor

from millinet.data.collection import Images, take
from millinet.data.invariances import NOTHING_KNOWN, Invariances
from millinet.visible import visible


@dataclass(frozen=True, slots=True, eq=False)
class Split:
    """Labelled images."""

    images: Images
    """Tensor of shape (images, channels, height, width), uint8 or float32, or images read when needed."""
    labels: Tensor
    """int64 of shape (images,)."""

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def is_in_memory(self) -> bool:
        """Whether the pixels are held, not read when needed."""
        return isinstance(self.images, Tensor)

    def subset(self, indices: Tensor | Sequence[int]) -> "Split":
        """Return the images and labels at `indices`, in that order."""
        chosen = torch.as_tensor(indices, dtype=torch.int64, device=self.labels.device)
        return Split(take(self.images, chosen), self.labels[chosen])

    def pixels(self, indices: Tensor) -> Tensor:
        """Read the images at `indices`, shape (len(indices), channels, height, width)."""
        if isinstance(self.images, Tensor):
            return self.images[indices.to(self.images.device)]
        return torch.stack([self.images[index] for index in indices.tolist()])

    def to(self, device: torch.device) -> "Split":
        """Return the split with labels, and pixels that are held, on `device`."""
        images = self.images.to(device) if isinstance(self.images, Tensor) else self.images
        return Split(images, self.labels.to(device))

    def class_counts(self, num_classes: int) -> list[int]:
        """Count the images of each class."""
        return torch.bincount(self.labels, minlength=num_classes).tolist()


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class DataSet:
    """Three splits of one source."""

    spec: str
    """What the user asked for."""
    class_names: tuple[str, ...]
    """Name of each class, in the order of the labels."""
    input_shape: tuple[int, int, int]
    """(channels, height, width) of an image."""
    train: Split
    """What weights are fitted to."""
    validation: Split
    """What early stopping and the search judge by."""
    test: Split
    """What only a certificate reads."""
    mean: tuple[float, ...]
    """Mean of each channel over the training split, in units of full scale for uint8."""
    std: tuple[float, ...]
    """Standard deviation of each channel, likewise; never zero."""
    fingerprint: str
    """Hash of the images, the labels and the split."""
    invariances: Invariances = NOTHING_KNOWN
    """What may be done to an image without changing its label."""
    skipped: list[str] = field(default_factory=list)
    """Files that could not be read, with the reason."""
    notes: list[str] = field(default_factory=list)
    """What the user should know about the reading and the split, one line each."""

    @property
    def num_classes(self) -> int:
        """Classes of the set, also those that a split lacks."""
        return len(self.class_names)

    def normalise(self, images: Tensor) -> Tensor:
        """Scale pixels to mean 0 and deviation 1 in each channel of the training split.

        Args:
            images: Shape (batch, channels, height, width), uint8 or floating.

        Returns:
            float32 of the same shape, on the same device.
        """
        return self.normaliser(images.device)(images)

    def normaliser(self, device: torch.device) -> "Normaliser":
        """Return `normalise` with its constants already on `device`, for a loop."""
        return Normaliser(self.mean, self.std, device)

    def with_train(self, train: Split) -> "DataSet":
        """Return the same set with another training split; the normalisation stays."""
        return replace(self, train=train)

    def sizes(self) -> dict[str, int]:
        """Count the images of each split."""
        return {"train": len(self.train), "validation": len(self.validation), "test": len(self.test)}

    def as_dict(self) -> dict[str, Any]:
        """Describe the set as JSON types, for a run's record; the images stay out of it."""
        return {
            "spec": self.spec,
            "fingerprint": self.fingerprint,
            "num_classes": self.num_classes,
            "class_names": [visible(name) for name in self.class_names],
            "input_shape": list(self.input_shape),
            "sizes": self.sizes(),
            "skipped": [visible(name) for name in self.skipped],
            "notes": [visible(note) for note in self.notes],
        }


class Normaliser:
    """Scales pixels by constants that lie on a device."""

    def __init__(self, mean: Sequence[float], std: Sequence[float], device: torch.device) -> None:
        deviation = torch.tensor(std, device=device).view(-1, 1, 1)
        self._scale = 1.0 / deviation
        self._byte_scale = self._scale / 255.0
        self._offset = -torch.tensor(mean, device=device).view(-1, 1, 1) * self._scale

    def __call__(self, images: Tensor) -> Tensor:
        """Return float32 images of mean 0 and deviation 1; uint8 counts as fractions of 255."""
        scale = self._byte_scale if images.dtype == torch.uint8 else self._scale
        return torch.addcmul(self._offset, images.float(), scale)
