"""Follow channel indices through every operation that autograd recorded.

Each operation's output has an *index space*: the numbering of its channels. A rule says how the space of an
operation's input lands in its own: shifted by a concatenation, cut by a split or slice, stretched by a
flatten, unchanged by everything that works channel by channel. What no rule covers is a *barrier*: channels
that reach it are left alone, with the reason.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from math import prod
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

Operation = Any
"""A node of the autograd graph: has name(), next_functions and the shapes of its outputs."""

Indices = NDArray[np.int64]


class Landing(NamedTuple):
    """Where the channels of an input land in the space of an operation."""

    size: int
    """Channels of the operation's own space."""
    sources: Indices
    targets: Indices


class Wire(NamedTuple):
    """One tensor between two operations."""

    source: Operation
    output: int
    """Which output of the source it is."""
    target: Operation
    position: int
    """Which input of the target it is."""


def shape_of(operation: Operation, output: int = 0) -> tuple[int, ...]:
    """Return the shape of one output of an operation, as autograd recorded it."""
    return tuple(int(size) for size in operation._input_metadata[output].shape)


def operations_below(roots: Iterable[Operation]) -> list[Operation]:
    """List every operation the roots depend on, inputs before what consumes them."""
    order: list[Operation] = []
    seen: set[Operation] = set()
    for root in roots:
        stack = [(root, False)]
        while stack:
            operation, is_done = stack.pop()
            if is_done:
                order.append(operation)
            elif operation not in seen:
                seen.add(operation)
                stack.append((operation, True))
                stack += [(source, False) for source, _ in operation.next_functions if source is not None]
    return order


def wires_into(operation: Operation) -> list[Wire]:
    """List the tensors an operation consumes, leaves of the graph included."""
    return [
        Wire(source, output, operation, position)
        for position, (source, output) in enumerate(operation.next_functions)
        if source is not None
    ]


def consumers(operations: Iterable[Operation]) -> Mapping[Operation, list[Operation]]:
    """Say for each operation which operations consume it; those of the model's output are not keys."""
    table: dict[Operation, list[Operation]] = defaultdict(list)
    for operation in operations:
        for wire in wires_into(operation):
            table[wire.source].append(operation)
    return table


def land(wire: Wire, size: int, *, in_layer: bool = False) -> Landing | None:
    """Say where `size` channels of a wire's source land in its target; None at a barrier.

    Args:
        wire: The tensor.
        size: Channels of the space of `wire.source`.
        in_layer: Whether the target is a layer, whose inputs have a space of their own.
    """
    sources = _emitted(wire, size)
    if sources is None or len(sources) == 0:
        return None
    if in_layer:
        return Landing(len(sources), sources, np.arange(len(sources)))
    rule = next((rule for part, rule in _RULES.items() if part in wire.target.name()), _keep)
    landed = rule(wire, len(sources))
    if landed is None:
        return None
    return Landing(landed.size, sources[landed.sources], landed.targets)


def twins(operation: Operation, size: int) -> tuple[Indices, Indices]:
    """Return pairs of channels that a split into equal parts keeps in step.

    `chunk` halves whatever width it meets, so its parts must shrink together.
    """
    if not hasattr(operation, "_saved_split_size"):
        return np.arange(0), np.arange(0)
    part = int(operation._saved_split_size)
    later = np.arange(part, size)
    return later % part, later


def _emitted(wire: Wire, size: int) -> Indices | None:
    """Return which channels of the source's space the wire carries, in order."""
    if "Split" not in wire.source.name():
        return np.arange(size)
    dim = _dim(wire.source)
    outputs = [shape_of(wire.source, output)[dim] for output in range(len(wire.source._input_metadata))]
    if sum(outputs) != size:
        return np.arange(size) if size in shape_of(wire.source, wire.output) else None
    start = sum(outputs[: wire.output])
    return np.arange(start, start + outputs[wire.output])


def _keep(wire: Wire, size: int) -> Landing | None:
    if size not in shape_of(wire.target)[1:] and size not in shape_of(wire.target)[-1:]:
        return None
    return Landing(size, np.arange(size), np.arange(size))


def _split(_: Wire, size: int) -> Landing | None:
    return Landing(size, np.arange(size), np.arange(size))


def _concatenate(wire: Wire, size: int) -> Landing | None:
    dim = _dim(wire.target)
    parts = [shape_of(other.source, other.output)[dim] for other in wires_into(wire.target)]
    if len(parts) != len(wire.target.next_functions) or parts[wire.position] != size:
        return _keep(wire, size)
    start = sum(parts[: wire.position])
    return Landing(sum(parts), np.arange(size), np.arange(start, start + size))


def _slice(wire: Wire, size: int) -> Landing | None:
    before = shape_of(wire.source, wire.output)
    dim = _dim(wire.target)
    if before[dim] != size:
        return _keep(wire, size)
    start, end, step = (_index(getattr(wire.target, f"_saved_{name}")) for name in ("start", "end", "step"))
    taken = np.arange(size)[start:end:step]
    return Landing(len(taken), taken, np.arange(len(taken)))


def _view(wire: Wire, size: int) -> Landing | None:
    before, after = shape_of(wire.source, wire.output), shape_of(wire.target)
    for place in range(len(before)):
        if before[place] != size:
            continue
        leading = prod(before[:place])
        for axis in range(len(after)):
            if prod(after[:axis]) != leading:
                continue
            if after[axis] == size:
                return Landing(size, np.arange(size), np.arange(size))
            inner = prod(before[place + 1 :])
            if after[axis] == size * inner:
                return Landing(size * inner, np.repeat(np.arange(size), inner), np.arange(size * inner))
    return None


def _barrier(_: Wire, __: int) -> None:
    return None


_RULES: Final = {
    "CatBackward": _concatenate,
    "SplitBackward": _split,
    "SplitWithSizesBackward": _split,
    "SliceBackward": _slice,
    "ViewBackward": _view,
    "UnsafeViewBackward": _view,
    "ReshapeAliasBackward": _view,
    # A product outside a layer mixes channels in a way only its author knows.
    "MmBackward": _barrier,
    "BmmBackward": _barrier,
    "ConvolutionBackward": _barrier,
}
"""Rules by part of the operation's name; whatever is absent works channel by channel."""


def _dim(operation: Operation) -> int:
    return _index(operation._saved_dim)


def _index(value: int) -> int:
    # autograd reports a negative position as an unsigned 64-bit number
    return value - 2**64 if value >= 2**63 else value
