"""Several processes that train one model, one device each, started by torchrun."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple, TypeVar

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from millinet.errors import ConfigError

T = TypeVar("T")


class Ranks(NamedTuple):
    """This process among those that train together."""

    rank: int
    size: int

    @property
    def is_first(self) -> bool:
        """Whether this process evaluates, writes and speaks for all."""
        return self.rank == 0


def ranks() -> Ranks:
    """Return this process's place; (0, 1) where it trains alone."""
    if dist.is_available() and dist.is_initialized():
        return Ranks(dist.get_rank(), dist.get_world_size())
    return Ranks(0, 1)


@contextmanager
def torchrun_group(device: str | torch.device | None = None) -> Iterator[torch.device]:
    """Join the processes that torchrun started, and yield this process's own device.

    Outside torchrun the block runs alone on `device`. Only accelerators that CUDA_VISIBLE_DEVICES leaves
    visible are used, process N taking the N-th.

    Args:
        device: None and "auto" take accelerators where there are enough of them, else the CPU; "cpu" the CPU.

    Raises:
        ConfigError: If there are more processes than accelerators and an accelerator was asked for.
    """
    from millinet.device import resolve_device

    if "LOCAL_RANK" not in os.environ:
        yield resolve_device(device)
        return
    local, local_size = int(os.environ["LOCAL_RANK"]), int(os.environ.get("LOCAL_WORLD_SIZE", "1"))
    num_devices = torch.cuda.device_count()
    if device in (None, "auto"):
        uses_cuda = num_devices >= local_size
    else:
        uses_cuda = torch.device(str(device)).type == "cuda"
    if uses_cuda and num_devices < local_size:
        raise ConfigError(
            f"each process needs an accelerator of its own, got {local_size} processes for {num_devices}; "
            f"start fewer or use --device cpu"
        )
    place = torch.device("cuda", local) if uses_cuda else torch.device("cpu")
    if uses_cuda:
        torch.cuda.set_device(place)
    dist.init_process_group("nccl" if uses_cuda else "gloo")
    try:
        yield place
    finally:
        dist.destroy_process_group()


def distributed(model: nn.Module, device: torch.device) -> nn.Module:
    """Wrap the model so that backward averages gradients over the processes; alone it stays as it is."""
    if ranks().size == 1:
        return model
    return DistributedDataParallel(model, device_ids=[device] if device.type == "cuda" else None)


def own_share(indices: Tensor) -> Tensor:
    """Return this process's part of a batch; the parts differ in size by at most one.

    Raises:
        ConfigError: If there is no image for some process.
    """
    place = ranks()
    if len(indices) < place.size:
        raise ConfigError(
            f"each process needs an image of every batch, got {len(indices)} for {place.size} processes; "
            f"start fewer or use a larger batch_size"
        )
    return indices.tensor_split(place.size)[place.rank]


def agree(value: T) -> T:
    """Return the first process's value in all of them."""
    if ranks().size == 1:
        return value
    box = [value]
    dist.broadcast_object_list(box, src=0)
    return box[0]


def add_up(total: Tensor) -> Tensor:
    """Sum a tensor over the processes."""
    if ranks().size > 1:
        dist.all_reduce(total)
    return total
