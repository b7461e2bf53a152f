"""How wide each layer is once its groups have their widths, and what it then costs on paper."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from torch import Tensor, nn

from compress.channels import ChannelGroup, Side
from millinet.costs import per_layer
from millinet.frames import LAYERS

Widths = Mapping[int, int]
"""Channels each prunable group keeps, by its index; a group that is left out keeps all."""

Width = int | NDArray[np.int64]
"""One width, or several that are tried at once."""


class Layer(NamedTuple):
    """A leaf module with parameters or with channels, and the groups its widths depend on."""

    name: str
    kind: str
    num_in: int
    num_out: int
    inputs: Mapping[int, int]
    """Indices of its input side that one channel of a group stands for, by group."""
    outputs: Mapping[int, int]
    """The same of its output side."""
    parameters: int
    macs: int
    """For one image."""
    positions: int
    """Output positions per channel for one image: height times width."""
    block: int
    """Index of the removable block it lies in; 0 where it lies in none."""
    is_carrying: bool
    """Whether channels pass through it, as through a norm."""
    is_grouped: bool
    """Whether an output sees a fixed number of inputs, whatever the width."""

    def widths(self, widths: Mapping[int, Width], totals: Widths) -> tuple[Width, Width]:
        """Return (inputs, outputs) left when groups keep `widths` of their `totals` channels."""
        lost_in = sum(per * (totals[g] - widths.get(g, totals[g])) for g, per in self.inputs.items())
        lost_out = sum(per * (totals[g] - widths.get(g, totals[g])) for g, per in self.outputs.items())
        return self.num_in - lost_in, self.num_out - lost_out


def read_layers(
    model: nn.Module, example: Tensor, groups: Sequence[ChannelGroup], blocks: Mapping[str, int]
) -> list[Layer]:
    """List the layers of `model` whose width a group can change, in the order they run.

    Args:
        model: Left as it is.
        example: An input batch, shape (batch, channels, height, width).
        groups: Every group of the model.
        blocks: Index of each removable block, by name.
    """
    places: dict[tuple[str, Side], dict[int, int]] = defaultdict(dict)
    for group in groups:
        for slot in group.slots:
            places[slot.name, slot.side][group.index] = len(slot.places[0])
    layers = []
    for costs in per_layer(model, example):
        through = places[costs.name, "through"]
        inputs, outputs = places[costs.name, "in"] or through, places[costs.name, "out"] or through
        if not inputs and not outputs:
            continue
        num_in, num_out = sides(model.get_submodule(costs.name))
        layers.append(
            Layer(
                name=costs.name,
                kind=costs.kind,
                num_in=num_in,
                num_out=num_out,
                inputs=inputs,
                outputs=outputs,
                parameters=costs.parameters,
                macs=costs.macs,
                positions=_positions(costs.output_shape, num_out),
                block=next((i for name, i in blocks.items() if costs.name.startswith(f"{name}.")), 0),
                is_carrying=bool(through),
                is_grouped=bool(through) or getattr(model.get_submodule(costs.name), "groups", 1) > 1,
            )
        )
    return layers


def sides(module: nn.Module) -> tuple[int, int]:
    """Return the (input, output) channels of a layer; equal where it carries channels through."""
    for names in (("in_channels", "out_channels"), ("in_features", "out_features")):
        if hasattr(module, names[0]):
            return getattr(module, names[0]), getattr(module, names[1])
    for name in ("num_features", "num_channels", "num_parameters"):
        if hasattr(module, name):
            return getattr(module, name), getattr(module, name)
    shape = getattr(module, "normalized_shape", (0,))
    return shape[-1], shape[-1]


def layer_frame(
    original: nn.Module, pruned: nn.Module, example: Tensor, groups: Sequence[ChannelGroup]
) -> pd.DataFrame:
    """Compare every leaf layer before and after, as a `frames.LAYERS` frame.

    A layer whose outputs are all there says why.
    """
    deciding = {slot.name: group for group in groups for slot in group.slots if slot.side != "in"}
    after = {costs.name: costs for costs in per_layer(pruned, example)}
    rows = []
    for before in per_layer(original, example):
        if before.parameters == 0:
            continue
        now = after.get(before.name)
        group = deciding.get(before.name)
        in_before, out_before = sides(original.get_submodule(before.name))
        in_after, out_after = sides(pruned.get_submodule(before.name)) if now else (0, 0)
        rows.append(
            {
                "layer": before.name,
                "kind": before.kind,
                "group": group.index if group else None,
                "in_before": in_before,
                "in_after": in_after,
                "out_before": out_before,
                "out_after": out_after,
                "parameters_before": before.parameters,
                "parameters_after": now.parameters if now else 0,
                "macs_before": before.macs,
                "macs_after": now.macs if now else 0,
                "note": _note(group, lost=out_before - out_after, is_removed=now is None),
            }
        )
    return LAYERS.frame(rows)


def _note(group: ChannelGroup | None, *, lost: int, is_removed: bool) -> str:
    if is_removed:
        return "removed with its block"
    if group is None:
        return "no group decides its width"
    # First, for what an earlier step cut may have no narrower width to go to in the last.
    if lost > 0:
        return "pruned"
    return f"left alone: {group.reason}" if group.reason else "kept whole: the target was met without it"


def _positions(output_shape: tuple[int, ...], num_out: int) -> int:
    size = 1
    for extent in output_shape:
        size *= extent
    return max(1, size // max(1, num_out))
