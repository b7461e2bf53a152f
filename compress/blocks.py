"""Residual blocks that can be taken out whole: depth, where a narrower layer would not be faster.

On small images a layer's time is mostly the time of calling it, which no width changes; only fewer layers
help.
"""

import copy
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import torch
from torch import Tensor, nn

from compress.channels import MIXING, ChannelGroup
from millinet.device import evaluating

FIRST_INDEX: Final = -1
"""Blocks are numbered from here downwards, where groups are numbered from zero upwards."""


@dataclass(frozen=True, slots=True)
class Block:
    """A module that adds something to its input."""

    index: int
    """Negative, so that it is no group's."""
    name: str
    change: float
    """Size of what it adds relative to what it puts out, on the images given; in [0, ...)."""


def find_blocks(model: nn.Module, images: Tensor, *, protect: Sequence[str] = ()) -> list[Block]:
    """List the innermost modules that can be replaced by an identity.

    Such a module takes and returns one tensor of one shape, and returns its input, perhaps through a ReLU,
    when all its parameters are zero.

    Args:
        model: In eval mode; left as it is.
        images: Shape (batch, channels, height, width); what a block adds is judged on these.
        protect: Modules that stay, with all that they contain and all that contains them.
    """
    blocks: list[Block] = []
    for name, (given, returned) in _transits(model, images).items():
        if any(block.name.startswith(f"{name}.") for block in blocks):
            continue
        is_protected = any(_overlap(name, other) for other in protect)
        if not is_protected and _adds_to_its_input(model.get_submodule(name), given.shape):
            added = (returned - given).norm() / returned.norm().clamp_min(1e-12)
            blocks.append(Block(FIRST_INDEX - len(blocks), name, float(added)))
    return blocks


def remove_blocks(model: nn.Module, names: Sequence[str]) -> None:
    """Replace modules by identities, in place."""
    for name in names:
        model.set_submodule(name, nn.Identity())


def groups_without(groups: Sequence[ChannelGroup], names: Sequence[str]) -> list[ChannelGroup]:
    """Return the groups of a model after the named blocks were removed; those that lie in one are gone."""
    inside = tuple(f"{name}." for name in names)
    left = []
    for group in groups:
        slots = tuple(slot for slot in group.slots if not slot.name.startswith(inside))
        if slots:
            left.append(replace(group, slots=slots))
    return left


def _transits(model: nn.Module, images: Tensor) -> dict[str, tuple[Tensor, Tensor]]:
    """Run once and return what modules with layers inside are given and return, innermost first."""
    seen: dict[str, tuple[Tensor, Tensor]] = {}

    def recording(name: str) -> Callable[[nn.Module, Any, Any], None]:
        def record(_: nn.Module, inputs: Any, output: Any) -> None:
            given = inputs[0] if len(inputs) == 1 else None
            if isinstance(given, Tensor) and isinstance(output, Tensor) and given.shape == output.shape:
                seen[name] = (given.clone(), output.clone())

        return record

    handles = [
        module.register_forward_hook(recording(name))
        for name, module in model.named_modules()
        if name
        and any(isinstance(part, MIXING) for part in module.modules())
        and not isinstance(module, MIXING)
    ]
    try:
        with evaluating(model):
            model(images)
    finally:
        for handle in handles:
            handle.remove()
    return seen


def _overlap(name: str, other: str) -> bool:
    """Tell whether one of two modules is, or lies in, the other."""
    return f"{name}.".startswith(f"{other}.") or f"{other}.".startswith(f"{name}.")


def _adds_to_its_input(module: nn.Module, shape: torch.Size) -> bool:
    weight = next(module.parameters())
    given = torch.randn(shape, generator=torch.Generator().manual_seed(0)).to(weight)
    silent = copy.deepcopy(module).eval()
    with torch.no_grad():
        for parameter in silent.parameters():
            parameter.zero_()
        try:
            returned = silent(given)
        except Exception:  # noqa: BLE001 -- a module that fails on zeros is simply no block
            return False
    return any(torch.allclose(returned, form, atol=1e-6) for form in (given, given.relu()))


def losses(
    blocks: Sequence[Block], groups: Sequence[ChannelGroup], weights: Mapping[int, float]
) -> dict[int, float]:
    """Return what removing each block loses, in the unit of the groups' scores.

    A block that changes its stream as much as the average block counts as all of its inner groups emptied to
    a tenth; others in proportion.

    Args:
        blocks: As found.
        groups: Every group of the model.
        weights: Sum of the scores of each prunable group, by its index.
    """
    mean = sum(block.change for block in blocks) / max(1, len(blocks))
    emptied = -float(torch.tensor(0.1).log())
    found = {}
    for block in blocks:
        inner = [
            weights[group.index]
            for group in groups
            if group.index in weights and all(slot.name.startswith(f"{block.name}.") for slot in group.slots)
        ]
        found[block.index] = emptied * sum(inner) * block.change / max(mean, 1e-12)
    return found
