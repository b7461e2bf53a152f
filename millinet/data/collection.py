"""What a reader of data hands over: labelled images, not yet split, with what is known about them."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

from torch import Tensor

from millinet.data.invariances import NOTHING_KNOWN, Invariances

Part = Literal["train", "validation", "test"]


class LazyImages(Protocol):
    """Images that are read when they are asked for."""

    moments: Tensor
    """Mean and mean square of each channel of each image, in fractions of 255, (images, 2, channels)."""

    def __len__(self) -> int:
        """Count the images."""
        ...

    def __getitem__(self, index: int) -> Tensor:
        """Read one image, shape (channels, height, width)."""
        ...

    def take(self, indices: Sequence[int]) -> "LazyImages":
        """Return the images at `indices`, still unread."""
        ...


Images = Tensor | LazyImages
"""A tensor of shape (images, channels, height, width), uint8 or float32, or images yet to be read."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Collection:
    """Labelled images and what their source knows of them."""

    images: Images
    """All images, of one shape."""
    labels: Tensor
    """Class of each image, int64 of shape (images,)."""
    class_names: tuple[str, ...]
    """Name of each class, in the order of the labels."""
    keys: tuple[str, ...]
    """A name of each image that outlives additions to the set; the split goes by it."""
    parts: dict[Part, list[int]] = field(default_factory=dict)
    """Indices of the parts the source has already fixed; the rest is split."""
    invariances: Invariances = NOTHING_KNOWN
    """What keeps a label."""
    fingerprint: str = ""
    """Hash of the content where the images are lazy; computed from the pixels where they are not."""
    skipped: tuple[str, ...] = ()
    """What could not be read, one line each, with the reason."""
    notes: tuple[str, ...] = ()
    """What the user should know, one line each."""

    @property
    def input_shape(self) -> tuple[int, int, int]:
        """(channels, height, width) of an image."""
        channels, height, width = self.images[0].shape
        return channels, height, width


def take(images: Images, indices: Tensor) -> Images:
    """Select images by index, read or unread."""
    return images[indices] if isinstance(images, Tensor) else images.take(indices.tolist())
