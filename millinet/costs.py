"""What a network costs on paper: parameters, multiply-adds and live activations, in all and per layer.

One fused multiply-add counts as one MAC. Nothing is timed here: MACs rank networks of one family roughly and
networks of different families badly, which is why the budget is measured instead.
"""

import copy
import weakref
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any, NamedTuple, TypeVar

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import FlopCounterMode

from millinet.device import evaluating
from millinet.errors import ModelError

M = TypeVar("M", bound=AbstractContextManager[Any])


class Costs(NamedTuple):
    """The paper costs of one network."""

    parameters: int
    """Trainable parameters; a shared one counts once."""
    macs: int
    """Multiply-adds of convolutions and matrix products for one image."""
    activation_mib: float
    """Largest sum of tensors alive at once during one pass of the whole batch, weights left out, in MiB."""


class LayerCosts(NamedTuple):
    """The paper costs of one leaf module."""

    name: str
    kind: str
    """Class of the module."""
    parameters: int
    macs: int
    """Multiply-adds for one image."""
    output_shape: tuple[int, ...]
    """Shape of its last output, for one image; empty where it returns no tensor."""


def count(model: nn.Module, example: Tensor) -> Costs:
    """Count the costs of a model, on the meta device where it can run there.

    Args:
        model: Left as it is: mode, device and hooks.
        example: Input, shape (batch, ...). MACs are for one image, activations for the whole batch.

    Raises:
        ModelError: If the model does not accept the example.
    """
    alive = _LiveTensors()
    _forward(model, example, lambda: alive)
    flops = _forward(model, example[:1], _flop_counter).get_total_flops()
    return Costs(count_parameters(model), flops // 2, alive.peak_bytes / 2**20)


def count_parameters(model: nn.Module) -> int:
    """Count the trainable parameters; a shared one counts once."""
    return sum(parameter.numel() for parameter in model.parameters() if parameter.requires_grad)


def per_layer(model: nn.Module, example: Tensor) -> list[LayerCosts]:
    """List the costs of every leaf module that runs, in the order of its first call.

    Raises:
        ModelError: If the model does not accept the example.
    """
    shapes: dict[str, tuple[int, ...]] = {}
    modules = {name: module for name, module in model.named_modules() if name and not len(module._modules)}
    handles = [module.register_forward_hook(_recording(shapes, name)) for name, module in modules.items()]
    try:
        flops = _forward(model, example[:1], _flop_counter).get_flop_counts()
    finally:
        for handle in handles:
            handle.remove()
    root = type(model).__name__
    return [
        LayerCosts(
            name=name,
            kind=type(modules[name]).__name__,
            parameters=count_parameters(modules[name]),
            macs=sum(flops.get(f"{root}.{name}", {}).values()) // 2,
            output_shape=shape,
        )
        for name, shape in shapes.items()
    ]


class _LiveTensors(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Follows the bytes of every storage made inside the block until it is freed."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.live_bytes = 0
        self.peak_bytes = 0
        self._seen: set[int] = set()

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        for leaf in tree_leaves((args, kwargs)):
            if isinstance(leaf, Tensor):
                self._seen.add(leaf.untyped_storage()._cdata)
        result = func(*args, **(kwargs or {}))
        for leaf in tree_leaves(result):
            if isinstance(leaf, Tensor):
                self._follow(leaf.untyped_storage())
        return result

    def _follow(self, storage: torch.UntypedStorage) -> None:
        key, size = storage._cdata, storage.nbytes()
        if key in self._seen:
            return
        self._seen.add(key)
        self.live_bytes += size
        self.peak_bytes = max(self.peak_bytes, self.live_bytes)
        weakref.finalize(storage, self._release, key, size)

    def _release(self, key: int, size: int) -> None:
        self._seen.discard(key)
        self.live_bytes -= size


def _flop_counter() -> FlopCounterMode:
    return FlopCounterMode(display=False)


def _forward(model: nn.Module, example: Tensor, make_mode: Callable[[], M]) -> M:
    """Run one pass under a mode: on the meta device, or where the model is if it cannot run there."""
    mode = make_mode()
    try:
        hollow, shape_only = _hollow(model), example.to("meta")
        with evaluating(hollow), mode:
            hollow(shape_only)
        return mode
    # Data-dependent shapes, or tensors that are neither parameters nor buffers: no fault of the model's.
    except Exception:  # noqa: BLE001
        return _real_forward(model, example, make_mode())


def _hollow(model: nn.Module) -> nn.Module:
    """Copy a model without its numbers: parameters and buffers have shapes only."""
    # Not torch.func.functional_call: in torch 2.15 it leaves a model with tied modules on the meta device.
    shells: dict[int, Any] = {}
    for parameter in model.parameters():
        shell = torch.empty_like(parameter, device="meta")
        shells[id(parameter)] = nn.Parameter(shell, requires_grad=parameter.requires_grad)
    for buffer in model.buffers():
        shells[id(buffer)] = torch.empty_like(buffer, device="meta")
    return copy.deepcopy(model, shells)


def _real_forward(model: nn.Module, example: Tensor, mode: M) -> M:
    tensors = [*model.parameters(), *model.buffers()]
    placed = example.to(tensors[0].device) if tensors else example
    try:
        with evaluating(model), mode:
            model(placed)
        return mode
    except Exception as error:
        raise ModelError(
            f"{type(model).__name__} does not accept an input of shape {tuple(example.shape)} and dtype "
            f"{example.dtype}: {type(error).__name__}: {error}; give an example of the shape it was made for"
        ) from error


def _recording(shapes: dict[str, tuple[int, ...]], name: str) -> Callable[[nn.Module, Any, Any], None]:
    def record(_: nn.Module, __: Any, output: Any) -> None:
        shapes[name] = tuple(output.shape[1:]) if isinstance(output, Tensor) else ()

    return record
