"""Find the channel groups of a model; the only file that sees torch-pruning.

torch-pruning traces which layer made which operation (Fang et al., "DepGraph", CVPR 2023). Its index
arithmetic and its surgery are not used: in 1.6.1 the first numbers the parts of a split in the order of the
backward pass and so couples the wrong channels without a word, and the second keeps the wrong filters of
grouped convolutions. Both are done here, in `wiring` and `surgery`, from the shapes that autograd recorded.
"""

import warnings
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch_pruning as tp
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components
from torch import Tensor, nn

from compress.channels import CARRYING, MIXING, OUTPUT, ChannelGroup, Side, Slot
from compress.readers import original_name, put_stand_ins
from compress.wiring import (
    Indices,
    Operation,
    consumers,
    land,
    operations_below,
    shape_of,
    twins,
    wires_into,
)
from millinet.errors import ModelError


def trace_groups(model: nn.Module, example: Tensor) -> list[ChannelGroup]:
    """List the channel groups of `model`, prunable or not, in the order they are computed.

    Args:
        model: Traced in eval mode with gradients on; its modes and gradients must be its caller's to lose.
        example: An input batch, shape (batch, channels, height, width).

    Raises:
        ModelError: If the model cannot be traced.
    """
    put_stand_ins(model, example)
    graph = tp.DependencyGraph()
    try:
        with warnings.catch_warnings():
            # About the index arithmetic of 1.6.1, which gives up on deep networks and is not used here.
            warnings.filterwarnings("ignore", "Maximum recursive depth reached")
            graph.build_dependency(model, example, verbose=False)
    except Exception as error:  # whatever foreign code raises is one line for its author
        # On channel shuffles 1.6.1 divides by zero in its index arithmetic, after the trace that is needed.
        if not hasattr(graph, "module2node"):
            raise ModelError(
                f"the model cannot be traced with an input of shape {tuple(example.shape)}: "
                f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}"
            ) from error
    names = {module: name for name, module in model.named_modules()}
    # What runs without gradients leaves no operation; its layers are in no group.
    made = {module: node.grad_fn for module, node in graph.module2node.items() if node.grad_fn is not None}
    if not made:
        raise ModelError(
            "the model computes everything without gradients, along which its layers are traced; "
            "take no_grad and inference_mode out of its forward pass"
        )
    layers: dict[Operation, str] = {}
    for traced, operation in made.items():
        if traced in names and isinstance(traced, MIXING + CARRYING):
            layers[_own_operation(traced, operation)] = names[traced]
    roots = list(made.values())
    return _Channels(model, layers).groups(operations_below(roots))


def _own_operation(module: nn.Module, operation: Operation) -> Operation:
    # A linear layer on more than two dimensions ends in a view of its product.
    while isinstance(module, nn.Linear) and "View" in operation.name():
        operation = operation.next_functions[0][0]
    return operation


@dataclass
class _Channels:
    """Every index space of a model, joined where channels are the same."""

    model: nn.Module
    layers: dict[Operation, str]
    size: int = 0
    starts: dict[Any, tuple[int, int]] = field(default_factory=dict)
    """(first element, size) of the space of an operation, or of ("in", layer)."""
    joined: list[tuple[Indices, Indices]] = field(default_factory=list)
    barriers: list[tuple[Indices, str]] = field(default_factory=list)
    slots: list[tuple[str, Side, int, Any]] = field(default_factory=list)
    """(name, side, dimension, key of its space) of everything that has a width."""

    def groups(self, operations: Sequence[Operation]) -> list[ChannelGroup]:
        """Walk the operations in order and gather what belongs together."""
        self._parameters()
        consumed = consumers(operations)
        for operation in operations:
            name = self.layers.get(operation)
            layer = None if name is None else self.model.get_submodule(name)
            if name is not None and isinstance(layer, MIXING):
                self._mix(operation, name, layer)
            else:
                self._carry(operation, name, layer)
            if operation not in consumed and operation in self.starts:
                self.barriers.append((self._elements(operation), OUTPUT))
        return self._gather()

    def _parameters(self) -> None:
        owned = {
            parameter
            for module in self.model.modules()
            if isinstance(module, MIXING + CARRYING)
            for parameter in module.parameters(recurse=False)
        }
        self.bare = {
            parameter: name for name, parameter in self.model.named_parameters() if parameter not in owned
        }

    def _open(self, key: Any, size: int) -> None:
        self.starts[key] = (self.size, size)
        self.size += size

    def _elements(self, key: Any) -> Indices:
        start, size = self.starts[key]
        return np.arange(start, start + size)

    def _mix(self, operation: Operation, name: str, layer: Any) -> None:
        num_in, num_out, num_groups = _widths(layer)
        inner = ("in", name)
        self._open(operation, num_out)
        self.slots.append((name, "out", 0, operation))
        self._open(inner, num_in)
        self.slots.append((name, "in", 0, inner))
        self._connect(operation, inner, num_in, in_layer=True)
        if num_groups > 1:
            # A grouped convolution loses whole groups: inputs and outputs of one go together.
            first = np.arange(num_groups)
            self._tie(operation, first.repeat(num_out // num_groups), inner, first * (num_in // num_groups))
            self._tie(inner, first.repeat(num_in // num_groups), inner, first * (num_in // num_groups))

    def _tie(self, key: Any, group: Indices, leader: Any, leaders: Indices) -> None:
        self.joined.append((self._elements(key), self._elements(leader)[leaders[group]]))

    def _carry(self, operation: Operation, name: str | None, layer: Any) -> None:
        size = self._carried_size(operation)
        if size is None:
            self._connect(operation, operation, 0)
            return
        self._open(operation, size)
        self._connect(operation, operation, size)
        earlier, later = twins(operation, size)
        self.joined.append((self._elements(operation)[earlier], self._elements(operation)[later]))
        variable = getattr(operation, "variable", None)
        if variable is not None:
            self.slots.append((self.bare[variable], "parameter", _parameter_dim(variable), operation))
        if name is not None and not (isinstance(layer, nn.PReLU) and layer.num_parameters == 1):
            self.slots.append((name, "through", 0, operation))
        if isinstance(layer, nn.GroupNorm):
            elements = self._elements(operation).reshape(layer.num_groups, -1)
            self.joined.append((elements[:, :1].repeat(elements.shape[1], 1).ravel(), elements.ravel()))

    def _carried_size(self, operation: Operation) -> int | None:
        variable = getattr(operation, "variable", None)
        if variable is not None:
            return (
                variable.shape[_parameter_dim(variable)] if variable in self.bare and variable.dim() else None
            )
        landings = [
            land(wire, self.starts[wire.source][1])
            for wire in wires_into(operation)
            if wire.source in self.starts
        ]
        return max((landing.size for landing in landings if landing is not None), default=None)

    def _connect(self, operation: Operation, key: Any, size: int, *, in_layer: bool = False) -> None:
        for wire in wires_into(operation):
            if wire.source not in self.starts:
                continue
            sources = self._elements(wire.source)
            landing = land(wire, len(sources), in_layer=in_layer)
            if landing is not None and landing.size == size:
                self.joined.append((sources[landing.sources], self._elements(key)[landing.targets]))
            else:
                before, after = shape_of(wire.source, wire.output), shape_of(operation)
                what = operation.name().removesuffix("0").removesuffix("Backward")
                self.barriers.append((sources, f"{what} from {list(before)} to {list(after)} mixes channels"))

    def _gather(self) -> list[ChannelGroup]:
        one = np.concatenate([pair[0] for pair in self.joined] or [np.arange(0)])
        other = np.concatenate([pair[1] for pair in self.joined] or [np.arange(0)])
        links = coo_matrix((np.ones(len(one), dtype=bool), (one, other)), shape=(self.size, self.size))
        _, labels = connected_components(links, directed=False)
        reasons: dict[int, str] = {}
        for elements, reason in self.barriers:
            for label in labels[elements].tolist():
                reasons.setdefault(label, reason)
        return _by_signature(self._places(labels), reasons, self.slots)

    def _places(self, labels: Indices) -> dict[int, dict[int, list[int]]]:
        """Return, for each channel, the indices it has in each slot."""
        channels: dict[int, dict[int, list[int]]] = defaultdict(dict)
        for number, (_, _, _, key) in enumerate(self.slots):
            start, size = self.starts[key]
            for place, label in enumerate(labels[start : start + size].tolist()):
                channels[label].setdefault(number, []).append(place)
        return channels


def _by_signature(
    channels: dict[int, dict[int, list[int]]],
    reasons: dict[int, str],
    slots: list[tuple[str, Side, int, Any]],
) -> list[ChannelGroup]:
    """Put channels with places in the same slots into one group."""
    alike: dict[tuple[tuple[int, int], ...], list[int]] = defaultdict(list)
    for label, places in channels.items():
        signature = tuple(sorted((number, len(indices)) for number, indices in places.items()))
        if any(slots[number][1] in ("out", "parameter") for number in places):
            alike[signature].append(label)
    groups: list[ChannelGroup] = []
    for signature, labels in sorted(alike.items()):
        members = tuple(
            Slot(
                original_name(slots[number][0]),
                slots[number][1],
                tuple(tuple(channels[label][number]) for label in labels),
                slots[number][2],
            )
            for number, _ in signature
        )
        reason = next((reasons[label] for label in labels if label in reasons), "")
        groups.append(ChannelGroup(len(groups), members, reason))
    return groups


def _widths(layer: Any) -> tuple[int, int, int]:
    if isinstance(layer, nn.Linear):
        return layer.in_features, layer.out_features, 1
    return layer.in_channels, layer.out_channels, layer.groups


def _parameter_dim(parameter: Tensor) -> int:
    """Return which dimension of a bare parameter runs over channels."""
    wide = [dim for dim, size in enumerate(parameter.shape) if size > 1]
    if len(wide) <= 1:
        return wide[0] if wide else 0
    return parameter.dim() - 3 if parameter.dim() >= 3 else parameter.dim() - 1
