"""Bring the images of a split to the device, batch by batch, the cheapest way their size allows.

| placement | when | how |
|---|---|---|
| device | the pixels are held and fit beside a network | copied once; a batch is an index |
| host | the pixels are held, but the accelerator is too small for them | each batch is copied, one ahead |
| disk | the images are read when needed | workers decode and resize, away from the training thread |
"""

from collections.abc import Iterator, Sequence
from typing import Final, Literal, Protocol

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from millinet.data.dataset import Split
from millinet.device import usable_cores
from millinet.errors import ConfigError, DataError

Placement = Literal["device", "host", "disk"]

LARGEST_SHARE: Final = 0.3
"""Pixels may take this share of an accelerator's free memory; the rest is for the network."""
MOST_WORKERS: Final = 8
"""Decoding processes at most; more only take turns on the bus."""
_WORKER_PREFIX: Final = f"{DataError.__module__}.{DataError.__name__}: "
"""How Python prints such an error in a traceback."""


class Feed(Protocol):
    """Delivers batches that are asked for by index."""

    def __call__(self, chosen: Sequence[Tensor]) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield images, shape (batch, channels, height, width), and labels on the device, batch by batch."""
        ...


def deal(indices: Tensor, batch_size: int) -> tuple[Tensor, ...]:
    """Deal indices into the fewest batches, of nearly equal size.

    101 images in batches of at most 100 come as 51 and 50, not as 100 and 1: no image is lost, and no batch
    norm meets a lonely one. Of an odd number in pairs, three share a batch.

    Args:
        indices: int64, shape (images,).
        batch_size: Most images in a batch, at least 1.
    """
    return indices.tensor_split(num_batches(len(indices), batch_size))


def num_batches(num_images: int, batch_size: int) -> int:
    """Count the batches that so many images make."""
    if batch_size < 1:
        raise ConfigError(f"batch_size must be at least 1, got {batch_size}")
    fewest = -(-num_images // batch_size)
    return max(1, fewest if batch_size == 1 else min(fewest, num_images // 2))


def placement(split: Split, device: torch.device) -> Placement:
    """Decide where the images of a split lie while they are used."""
    if not isinstance(split.images, Tensor):
        return "disk"
    if device.type != "cuda" or split.images.device == device:
        return "device"
    free_bytes, _ = torch.cuda.mem_get_info(device)
    return "device" if split.images.nbytes <= LARGEST_SHARE * free_bytes else "host"


def make_feed(split: Split, device: torch.device) -> Feed:
    """Make the feed that the split's placement asks for."""
    where = placement(split, device)
    if where == "device":
        return ResidentFeed(split, device)
    return HostFeed(split, device) if where == "host" else DiskFeed(split, device)


class ResidentFeed:
    """Indexes pixels that lie on the device."""

    def __init__(self, split: Split, device: torch.device) -> None:
        self._split = split.to(device)

    def __call__(self, chosen: Sequence[Tensor]) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield the batches; nothing crosses to the device but the indices."""
        for indices in chosen:
            on_device = indices.to(self._split.labels.device)
            yield self._split.pixels(on_device), self._split.labels[on_device]


class HostFeed:
    """Copies each batch from host memory while the device still works on the one before."""

    def __init__(self, split: Split, device: torch.device) -> None:
        self._split = split
        self._device = device

    def __call__(self, chosen: Sequence[Tensor]) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield the batches, one prepared ahead."""
        ahead: tuple[Tensor, Tensor] | None = None
        for indices in chosen:
            following = self._copy(indices.cpu())
            if ahead is not None:
                yield ahead
            ahead = following
        if ahead is not None:
            yield ahead

    def _copy(self, indices: Tensor) -> tuple[Tensor, Tensor]:
        images, labels = self._split.pixels(indices), self._split.labels[indices]
        if self._device.type == "cuda":
            images, labels = images.pin_memory(), labels.pin_memory()
        return images.to(self._device, non_blocking=True), labels.to(self._device, non_blocking=True)


class DiskFeed:
    """Has worker processes read, decode and resize."""

    def __init__(self, split: Split, device: torch.device, *, num_workers: int | None = None) -> None:
        self._device = device
        self._plan = _Plan()
        count = min(MOST_WORKERS, usable_cores()) if num_workers is None else num_workers
        self._loader = DataLoader(
            _Items(split),
            batch_sampler=self._plan,
            num_workers=count,
            persistent_workers=count > 0,
            pin_memory=device.type == "cuda",
        )

    def __call__(self, chosen: Sequence[Tensor]) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield the batches as the workers finish them, in the order asked for."""
        self._plan.batches = [indices.tolist() for indices in chosen]
        try:
            for images, labels in self._loader:
                yield images.to(self._device, non_blocking=True), labels.to(self._device, non_blocking=True)
        except DataError as error:
            # A worker's error comes with its whole traceback, which ends in the message.
            raise DataError(str(error).strip().splitlines()[-1].removeprefix(_WORKER_PREFIX)) from error


class _Plan:
    """The batches of the coming epoch; a sampler that can be told another order without new workers."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []

    def __iter__(self) -> Iterator[list[int]]:
        return iter(self.batches)

    def __len__(self) -> int:
        return len(self.batches)


class _Items(Dataset[tuple[Tensor, Tensor]]):
    def __init__(self, split: Split) -> None:
        self._split = split

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        return self._split.images[index], self._split.labels[index]
