"""Sparse learning: train so that few channels carry the network, before any is removed.

Each channel of a group is pulled towards zero as a whole, in every layer it lives in: the penalty is the sum
over channels of the norm of all their weights, so weak channels vanish while strong ones lose little (Yuan &
Lin, "Model Selection with Grouped Variables", 2006; for coupled layers, Fang et al., "DepGraph", CVPR 2023).
It grows from nothing over the training, which lets the others take over first (Wang et al., "Neural Pruning
via Growing Regularization", ICLR 2021).
"""

import copy
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from compress.channels import ChannelGroup, Slot
from compress.discovery import find_groups
from millinet.data import DataSet
from millinet.errors import ConfigError
from millinet.training import EpochRecord, FitResult, Recipe, fit


def sparsify(  # noqa: PLR0913 -- what, on what, how, how strongly, where
    model: nn.Module,
    data: DataSet,
    recipe: Recipe,
    *,
    strength: float,
    protect: Sequence[str] = (),
    device: str = "cpu",
    seed: int = 0,
) -> FitResult:
    """Train `model` in place so that its channels are easier to tell apart.

    The weights are those of the last epoch: earlier ones are more accurate, and less sparse.

    Args:
        model: A trained classifier.
        data: Its training split trains.
        recipe: How to train; a recovery's serves.
        strength: Length of the pull on each channel's weights at the end; 0.01 is usual, positive.
        protect: Names of modules whose channels are not pulled.
        device: Where to train.
        seed: Decides order and augmentation.

    Raises:
        ConfigError: If the strength is not positive.
        DivergedError: If training leaves the finite numbers.
    """
    if not strength > 0:
        raise ConfigError(f"the strength of a sparse training is positive, got {strength:g}; 0.01 is usual")
    place = next(model.parameters()).device
    groups = find_groups(model, torch.zeros(2, *data.input_shape, device=place), protect=protect)
    last: dict[str, Tensor] = {}
    with pulled(model, [group for group in groups if group.is_prunable]) as pull:

        def grow(record: EpochRecord) -> bool:
            pull.strength = strength * (record.epoch + 1) / recipe.epochs
            last.update(copy.deepcopy(model.state_dict()))
            return False

        pull.strength = strength / recipe.epochs
        result = fit(model, data, recipe, device=device, seed=seed, on_epoch=grow)
    model.load_state_dict(last)
    return result


@contextmanager
def pulled(model: nn.Module, groups: Sequence[ChannelGroup]) -> Iterator["Pull"]:
    """Add the gradient of the penalty to every backward pass through `model` while this is open.

    Args:
        model: Trained inside, in place.
        groups: Groups whose channels are pulled.
    """
    pull = Pull(model, groups)
    handles = [model.register_forward_pre_hook(lambda *_: pull.refresh())]
    handles += [_hooked(parameter, pull) for parameter in pull.parts]
    try:
        yield pull
    finally:
        for handle in handles:
            handle.remove()


class Part(NamedTuple):
    """Where the channels of one group lie in one parameter."""

    group: int
    """Which of the groups."""
    dim: int
    """Dimension of the parameter that runs over channels."""
    owners: Tensor
    """Channel of each index along `dim`; one past the last channel where it is none of the group's."""


class Pull:
    """The penalty's gradient: each channel's weights, divided by their norm."""

    def __init__(self, model: nn.Module, groups: Sequence[ChannelGroup]) -> None:
        self.strength = 0.0
        self.parts: dict[nn.Parameter, list[Part]] = defaultdict(list)
        self._sizes = [group.num_channels for group in groups]
        self._norms: list[Tensor] = []
        for number, group in enumerate(groups):
            for slot in group.slots:
                for parameter, dim in _held(model, slot):
                    if not parameter.requires_grad:
                        continue
                    owners = torch.full((parameter.shape[dim],), group.num_channels)
                    for channel, places in enumerate(slot.places):
                        owners[list(places)] = channel
                    self.parts[parameter].append(Part(number, dim, owners))

    @torch.no_grad()
    def refresh(self) -> None:
        """Bring the norms of all channels up to date."""
        device = next(iter(self.parts)).device if self.parts else torch.device("cpu")
        squares = [torch.zeros(size + 1, device=device) for size in self._sizes]
        for parameter, parts in self.parts.items():
            for part in parts:
                others = [dim for dim in range(parameter.dim()) if dim != part.dim]
                total = parameter.square().sum(others) if others else parameter.square()
                squares[part.group].index_add_(0, part.owners.to(device), total.float())
        self._norms = [square.sqrt() for square in squares]

    def on(self, parameter: nn.Parameter) -> Tensor:
        """Return the gradient of the penalty, of the parameter's shape."""
        weight = parameter.detach()
        total = torch.zeros_like(weight)
        for part in self.parts[parameter]:
            inverse = 1.0 / self._norms[part.group].clamp_min(1e-8)
            inverse[-1] = 0.0
            shape = [1] * weight.dim()
            shape[part.dim] = -1
            total += weight * inverse[part.owners.to(weight.device)].to(weight).view(shape)
        return self.strength * total


def _hooked(parameter: nn.Parameter, pull: Pull) -> RemovableHandle:
    """Add the pull to every gradient of a parameter."""

    def add(gradient: Tensor) -> Tensor:
        return gradient + pull.on(parameter)

    handle: RemovableHandle = parameter.register_hook(add)  # type: ignore[no-untyped-call]
    return handle


def _held(model: nn.Module, slot: Slot) -> Iterator[tuple[nn.Parameter, int]]:
    """Yield the parameters a slot has channels in, with the dimension they lie along."""
    if slot.side == "parameter":
        yield model.get_parameter(slot.name), slot.dim
        return
    module = model.get_submodule(slot.name)
    weight = getattr(module, "weight", None)
    if not isinstance(weight, nn.Parameter):
        return
    is_transposed = bool(getattr(module, "transposed", False))
    if slot.side == "through":
        yield weight, weight.dim() - 1
    elif slot.side == "out":
        yield weight, 1 if is_transposed else 0
    elif getattr(module, "groups", 1) == 1:
        yield weight, 0 if is_transposed else 1
