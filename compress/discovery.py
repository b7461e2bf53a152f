"""List the channel groups of a model, each one tried out before it is offered for pruning."""

import copy
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import torch
from torch import Tensor, nn

from compress.channels import ChannelGroup, Kept
from compress.exactness import is_exact
from compress.groups import trace_groups
from millinet.errors import ConfigError

_SEED: Final = 0


def find_groups(model: nn.Module, example: Tensor, *, protect: Sequence[str] = ()) -> list[ChannelGroup]:
    """Trace the channel groups of `model` and prove on a copy that each can shrink.

    Args:
        model: Left as it is.
        example: An input batch, shape (batch, channels, height, width), on the model's device.
        protect: Names of modules, as in `model.named_modules()`, whose output width stays.

    Returns:
        Every group, in the order they are computed; those that must not shrink say why.

    Raises:
        ModelError: If the model cannot be traced.
        ConfigError: If `protect` names no module of the model.
    """
    _check_names(model, protect)
    probe = _awake(model)
    groups = [_settle(group, protect) for group in trace_groups(copy.deepcopy(probe), example)]
    suspects = [group for group in groups if group.is_prunable]
    refused = {group.index for group in _failing(probe, example, groups, suspects)}
    return [
        replace(group, reason="cutting it changes the output in another way than zeroing its channels")
        if group.index in refused
        else group
        for group in groups
    ]


def _check_names(model: nn.Module, protect: Sequence[str]) -> None:
    known = {name for name, _ in model.named_modules()}
    for name in protect:
        if name not in known:
            raise ConfigError(
                f"protect takes module names as in model.named_modules(), and there is no {name!r}"
            )


def _awake(model: nn.Module) -> nn.Module:
    """Copy a model and give its per-channel scales random values.

    A branch whose last scale is zero, as residual networks are often initialised, would hide any mistake.
    """
    probe = copy.deepcopy(model).eval()
    generator = torch.Generator().manual_seed(_SEED)
    with torch.no_grad():
        for parameter in probe.parameters():
            parameter.requires_grad_()
            if sum(size > 1 for size in parameter.shape) <= 1:
                parameter.copy_(torch.rand(parameter.shape, generator=generator) + 0.5)
    return probe


def _settle(group: ChannelGroup, protect: Sequence[str]) -> ChannelGroup:
    if group.reason:
        return group
    if group.num_channels == 1:
        return replace(group, reason="it has one channel")
    if not any(slot.side == "in" for slot in group.slots):
        return replace(group, reason="nothing consumes it")
    for slot in group.slots:
        for name in protect:
            if slot.side != "in" and (slot.name == name or slot.name.startswith(f"{name}.")):
                return replace(group, reason=f"{name} is protected", protected_by=name)
    return group


def _failing(
    probe: nn.Module, example: Tensor, groups: list[ChannelGroup], suspects: list[ChannelGroup]
) -> list[ChannelGroup]:
    """Find the groups that cannot be halved exactly, by halving sets of suspects."""
    if not suspects or is_exact(probe, example, groups, _halved(suspects)):
        return []
    if len(suspects) == 1:
        return suspects
    middle = len(suspects) // 2
    first = _failing(probe, example, groups, suspects[:middle])
    second = _failing(probe, example, groups, suspects[middle:])
    return first + second or suspects


def _halved(groups: Sequence[ChannelGroup]) -> Kept:
    generator = torch.Generator().manual_seed(_SEED)
    return {
        group.index: sorted(
            torch.randperm(group.num_channels, generator=generator)[: -(-group.num_channels // 2)].tolist()
        )
        for group in groups
    }
