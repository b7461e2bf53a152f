"""Record the widths of a pruned model, and give another copy of the model those widths.

What a pruning leaves is fully described by the shapes of the tensors, by the few integers that modules keep
of their own width (`out_channels`, `normalized_shape`, ...), and by the modules it took out. Written as JSON
beside safetensors, that rebuilds any pruned `nn.Module` from the code that built the unpruned one, without
pickle.
"""

from collections.abc import Iterator
from typing import Any, Final

import torch
from torch import Tensor, nn

from millinet.errors import ModelError

FORMAT: Final = 1
"""Version of the record; a newer one is refused."""


def read_widths(original: nn.Module, pruned: nn.Module) -> dict[str, Any]:
    """Record in what `pruned` differs from `original` in width.

    Returns:
        A JSON-able dict: `tensors` maps the name of each resized parameter or buffer to its shape,
        `attributes` maps a module's name to its changed integers, and `removed` names modules replaced by an
        identity.

    Raises:
        ModelError: If the two differ in more than widths.
    """
    removed = _removed(original, pruned)
    inside = tuple(f"{name}." for name in removed)
    before = {name: t for name, t in _tensors(original) if not name.startswith(inside)}
    after = dict(_tensors(pruned))
    if before.keys() != after.keys():
        name = sorted(before.keys() ^ after.keys())[0]
        raise ModelError(
            f"only widths may differ between the two models, but {name!r} is in one of them only"
        )
    shapes = {name: list(t.shape) for name, t in after.items() if t.shape != before[name].shape}
    modules = dict(pruned.named_modules())
    attributes = {
        name: changed
        for name, module in original.named_modules()
        if name in modules and name not in removed and (changed := _changed(module, modules[name]))
    }
    return {"format": FORMAT, "tensors": shapes, "attributes": attributes, "removed": removed}


def apply_widths(model: nn.Module, widths: dict[str, Any]) -> None:
    """Resize `model` in place to recorded widths.

    Every shrunk tensor keeps its leading entries; they stand until weights are loaded. Nothing is changed
    when the record does not fit.

    Args:
        model: A fresh copy of the network that was pruned.
        widths: As `read_widths` gives them.

    Raises:
        ModelError: If the record is foreign or does not fit the model.
    """
    tensors, attributes, removed = _parts(widths)
    modules = dict(model.named_modules())
    _check(model, modules, widths)
    for name in removed:
        owner, _, attribute = name.rpartition(".")
        setattr(modules[owner], attribute, nn.Identity())
    for name, shape in tensors.items():
        owner, _, attribute = name.rpartition(".")
        _resize(modules[owner], attribute, shape)
    for name, changed in attributes.items():
        for attribute, value in changed.items():
            setattr(modules[name], attribute, tuple(value) if isinstance(value, list) else value)


_WAY_OUT: Final = "apply them to the network they were recorded from"


def _tensors(model: nn.Module) -> Iterator[tuple[str, Tensor]]:
    yield from model.named_parameters(remove_duplicate=False)
    yield from model.named_buffers(remove_duplicate=False)


def _removed(original: nn.Module, pruned: nn.Module) -> list[str]:
    modules = dict(pruned.named_modules())
    return [
        name
        for name, module in original.named_modules()
        if isinstance(modules.get(name), nn.Identity) and not isinstance(module, nn.Identity)
    ]


def _widths_of(module: nn.Module) -> dict[str, int | list[int]]:
    """Return the integers, and tuples of integers, that a module keeps as plain attributes."""
    kept: dict[str, int | list[int]] = {}
    for name, value in vars(module).items():
        if _is_integer(value):
            kept[name] = value
        elif isinstance(value, tuple) and value and all(_is_integer(part) for part in value):
            kept[name] = list(value)
    return kept


def _changed(original: nn.Module, pruned: nn.Module) -> dict[str, int | list[int]]:
    before, after = _widths_of(original), _widths_of(pruned)
    return {name: value for name, value in after.items() if name in before and before[name] != value}


def _is_integer(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _parts(widths: dict[str, Any]) -> tuple[dict[str, list[int]], dict[str, dict[str, Any]], list[str]]:
    if not isinstance(widths, dict) or widths.get("format") != FORMAT:
        found = widths.get("format") if isinstance(widths, dict) else type(widths).__name__
        raise ModelError(
            f"widths of format {FORMAT} are read, got {found!r}; write them again with this version"
        )
    tensors, attributes, removed = (widths.get(key) for key in ("tensors", "attributes", "removed"))
    if not (isinstance(tensors, dict) and isinstance(attributes, dict) and isinstance(removed, list)):
        raise ModelError(
            "widths need the tables tensors and attributes and the list removed; the file is damaged"
        )
    return tensors, attributes, removed


def _check(model: nn.Module, modules: dict[str, nn.Module], widths: dict[str, Any]) -> None:
    tensors, attributes, removed = _parts(widths)
    for name in (*attributes, *removed):
        if name not in modules or name == "":
            raise ModelError(f"widths name the module {name!r}, which the model lacks; {_WAY_OUT}")
    inside = tuple(f"{name}." for name in removed)
    found = {name: tensor for name, tensor in _tensors(model) if not name.startswith(inside)}
    for name, shape in tensors.items():
        _check_shape(name, shape, found)
    for name, changed in attributes.items():
        _check_attributes(name, modules[name], changed)


def _check_shape(name: str, shape: Any, found: dict[str, Tensor]) -> None:
    if name not in found:
        raise ModelError(f"widths name the tensor {name!r}, which the model lacks; {_WAY_OUT}")
    present = list(found[name].shape)
    fits = (
        isinstance(shape, list)
        and len(shape) == len(present)
        and all(_is_integer(part) and 0 < part <= whole for part, whole in zip(shape, present, strict=True))
    )
    if not fits:
        raise ModelError(f"{name} has the shape {present} and can only shrink, got {shape}; {_WAY_OUT}")


def _check_attributes(name: str, module: nn.Module, changed: Any) -> None:
    present = _widths_of(module)
    for attribute, value in changed.items() if isinstance(changed, dict) else [("", changed)]:
        if attribute not in present or type(value) is not type(present[attribute]):
            raise ModelError(
                f"widths set {name}.{attribute} to {value!r}, which is no width of it; {_WAY_OUT}"
            )


def _resize(module: nn.Module, attribute: str, shape: list[int]) -> None:
    tensor = getattr(module, attribute)
    leading = tensor.detach()[tuple(slice(size) for size in shape)].clone(
        memory_format=torch.contiguous_format
    )
    if isinstance(tensor, nn.Parameter):
        leading = nn.Parameter(leading, requires_grad=tensor.requires_grad)
    setattr(module, attribute, leading)
