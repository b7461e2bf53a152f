"""What can be removed together: the channels of a group, and where each of them lives.

A *channel* here is the smallest thing that can go without changing anything else: one output of a convolution
with its batch norm and its column in every consumer, or a whole group of a grouped convolution, or both
halves that a gate multiplies. A *group* is a set of interchangeable channels: it has one width.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal, NamedTuple

from torch import nn

MIXING: Final = (nn.modules.conv._ConvNd, nn.Linear)
"""Layers whose outputs are other channels than their inputs."""

CARRYING: Final = (
    nn.modules.batchnorm._BatchNorm,
    nn.modules.instancenorm._InstanceNorm,
    nn.LayerNorm,
    nn.GroupNorm,
    nn.PReLU,
)
"""Layers with parameters of their own for each channel that passes through."""

OUTPUT: Final = "it is the model's output"
"""Why a group is left alone in every model."""

Side = Literal["out", "in", "through", "parameter"]
"""Where in a module a channel lives: produced, consumed, carried through, or an entry of a bare parameter."""


class Slot(NamedTuple):
    """The places of a group's channels in one module, or in one bare parameter."""

    name: str
    """Module name, or parameter name where `side` is "parameter"."""
    side: Side
    places: tuple[tuple[int, ...], ...]
    """For each channel of the group, its indices along the width of this side."""
    dim: int = 0
    """The pruned dimension of a bare parameter."""


@dataclass(frozen=True, slots=True)
class ChannelGroup:
    """Channels that are pruned by one decision."""

    index: int
    slots: tuple[Slot, ...]
    reason: str = ""
    """Why it is left alone; empty where it can be pruned."""
    protected_by: str = ""
    """The protected module that is the only reason; empty where there is another or none."""

    @property
    def num_channels(self) -> int:
        """Channels before pruning."""
        return len(self.slots[0].places)

    @property
    def name(self) -> str:
        """The first module that produces it, or the parameter it is."""
        return next((slot.name for slot in self.slots if slot.side == "out"), self.slots[0].name)

    @property
    def unit(self) -> int:
        """Outputs of its narrowest producer that one channel stands for."""
        produced = [len(slot.places[0]) for slot in self.slots if slot.side in ("out", "through")]
        return min(produced, default=1)

    @property
    def is_prunable(self) -> bool:
        """Tell whether anything may be removed from it."""
        return not self.reason


Kept = Mapping[int, Sequence[int]]
"""For each pruned group, by its index, the channels that stay, ascending."""


def removed_places(groups: Iterable[ChannelGroup], kept: Kept) -> dict[tuple[str, Side], set[int]]:
    """Gather what each module loses on each side.

    Returns:
        Indices to remove, by (name, side); sides that lose nothing are left out.
    """
    removed: dict[tuple[str, Side], set[int]] = {}
    for group in groups:
        if group.index not in kept:
            continue
        staying = set(kept[group.index])
        going = [channel for channel in range(group.num_channels) if channel not in staying]
        for slot in group.slots if going else ():
            places = removed.setdefault((slot.name, slot.side), set())
            places.update(place for channel in going for place in slot.places[channel])
    return removed


def num_places(groups: Iterable[ChannelGroup], name: str, side: Side) -> int:
    """Count the indices that the groups have in one side of a module."""
    found = (slot for group in groups for slot in group.slots if (slot.name, slot.side) == (name, side))
    return sum(len(places) for slot in found for places in slot.places)


def parameter_dims(groups: Iterable[ChannelGroup]) -> dict[str, int]:
    """Return the pruned dimension of every bare parameter in `groups`."""
    return {slot.name: slot.dim for group in groups for slot in group.slots if slot.side == "parameter"}
