"""Refuse a model that cannot be pruned safely, before anything is done to it."""

import copy
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any, Final

import torch
from torch import Tensor, nn
from torch.nn.utils.parametrize import is_parametrized

from millinet.device import evaluating
from millinet.errors import ModelError

_HOOKS: Final = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")
"""Where torch keeps the hooks of a module."""
_SHIFT: Final = 2.0
"""Standard deviations by which two more images are brighter and darker than the usual."""


def admit(model: nn.Module, example: Tensor) -> nn.Module:
    """Return a copy of `model` in eval mode that can be worked on.

    Args:
        model: Left as it is.
        example: An input batch, shape (batch, channels, height, width), on the model's device.

    Raises:
        ModelError: If the model or the example is of a kind that cannot be pruned; the message says where.
    """
    if not isinstance(model, nn.Module):
        raise ModelError(f"the model is an nn.Module, got {type(model).__name__}")
    for complaint in (*_about_example(model, example), *_about_tensors(model), *_about_modules(model)):
        raise ModelError(complaint)
    try:
        working = copy.deepcopy(model).eval()
    except Exception as error:  # whatever foreign code raises is one line for its author
        raise ModelError(
            f"the model cannot be copied: {type(error).__name__}: {error}; "
            f"keep open files and tensors with a history out of its attributes"
        ) from error
    _check_run(working, example)
    return working


def _about_example(model: nn.Module, example: Tensor) -> Iterator[str]:
    if not isinstance(example, Tensor) or example.dim() != 4 or len(example) < 1:
        found = tuple(example.shape) if isinstance(example, Tensor) else type(example).__name__
        yield f"the example is a batch of images, shape (batch, channels, height, width), got {found}"
        return
    if not example.is_floating_point():
        yield f"the example is a batch of floats, got {example.dtype}; convert it with .float()"
    devices = sorted({str(parameter.device) for parameter in model.parameters()})
    if len(devices) != 1 or devices[0] != str(example.device):
        yield (
            f"the model and the example must be on one device, got "
            f"{' and '.join(devices) or 'no parameters'} and {example.device}; move one with .to()"
        )


def _about_modules(model: nn.Module) -> Iterator[str]:
    for name, module in model.named_modules():
        where = name or "the model itself"
        if hasattr(module, "_orig_mod"):
            yield f"{where} is compiled; give what it was compiled from and compile the pruned model"
        if isinstance(module, torch.jit.ScriptModule):
            yield f"{where} is TorchScript, whose layers are fixed; give the module it was compiled from"
        if is_parametrized(module):
            yield f"{where} has a parametrization; bake it in with parametrize.remove_parametrizations"
        if any(getattr(module, kind) for kind in _HOOKS):
            yield f"{where} has hooks, which would see other shapes; remove them, and hook the pruned model"


def _about_tensors(model: nn.Module) -> Iterator[str]:
    owners: dict[Tensor, str] = {}
    for name, parameter in model.named_parameters(remove_duplicate=False):
        if not parameter.is_floating_point():
            yield f"{name} has the type {parameter.dtype}; prune the floating-point model, then quantise it"
        if isinstance(parameter, nn.parameter.UninitializedParameter):
            yield f"{name} has no shape yet; run the model once before pruning"
        if parameter in owners:
            yield f"{name} and {owners[parameter]} are one tied parameter; untie them first"
        owners[parameter] = name


def _check_run(working: nn.Module, example: Tensor) -> None:
    output, calls = _run(working, example)
    if not isinstance(output, Tensor):
        raise ModelError(
            f"the model returns a {type(output).__name__}; it must return one tensor in eval mode"
        )
    if not bool(output.isfinite().all()):
        raise ModelError("the model's output is not finite; look for NaN in its weights")
    repeated = next((name for name, number in calls.items() if number > 1), None)
    if repeated is not None:
        raise ModelError(
            f"{repeated} is called more than once in a forward pass; give each call its own layer"
        )
    _check_paths(working, example, calls)


def _check_paths(working: nn.Module, example: Tensor, calls: Counter[str]) -> None:
    """Refuse a model that calls other layers for bright or for dark images, or runs on a single one only."""
    shape = (max(2, len(example)), *example.shape[1:])
    noise = torch.randn(shape, generator=torch.Generator().manual_seed(0)).to(example)
    for images in (noise + _SHIFT, noise - _SHIFT):
        _, other = _run(working, images)
        differing = sorted(calls.keys() ^ other.keys())
        if differing:
            raise ModelError(
                f"{differing[0]} is called for some images and not for others; a path that depends on the "
                f"image cannot be pruned: compute both, or prune a model for each"
            )


def _run(working: nn.Module, images: Tensor) -> tuple[Any, Counter[str]]:
    """Return the output, and how often each layer with parameters of its own was called."""
    calls: Counter[str] = Counter()
    handles = [
        module.register_forward_hook(_counting(calls, name))
        for name, module in working.named_modules()
        if next(module.parameters(recurse=False), None) is not None
    ]
    try:
        with evaluating(working):
            return working(images), calls
    except Exception as error:  # whatever foreign code raises is one line for its author
        raise ModelError(
            f"the model does not run on an example of shape {tuple(images.shape)}: {type(error).__name__}: "
            f"{str(error).splitlines()[0] if str(error) else ''}"
        ) from error
    finally:
        for handle in handles:
            handle.remove()


def _counting(calls: Counter[str], name: str) -> Callable[[nn.Module, Any, Any], None]:
    def record(_: nn.Module, __: Any, ___: Any) -> None:
        calls[name] += 1

    return record
