"""Take channels out of a model, in place and in one pass."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from compress.channels import MIXING, ChannelGroup, Kept, Side, num_places, parameter_dims, removed_places
from compress.layers import sides
from compress.readers import is_reader
from millinet.errors import ModelError


def remove_channels(model: nn.Module, groups: list[ChannelGroup], kept: Kept) -> None:
    """Keep only the chosen channels of each group, in `model` itself.

    Args:
        model: The model the groups were found in, or a copy of it.
        groups: Every group of the model.
        kept: The channels that stay, for the groups that shrink.

    Raises:
        ModelError: If a module of a kind that cannot be cut is in a shrinking group.
    """
    removed = removed_places(groups, kept)
    dims = parameter_dims(groups)
    names: dict[str, dict[Side, set[int]]] = {}
    for (name, side), places in removed.items():
        names.setdefault(name, {})[side] = places
    for name, lost in names.items():
        if "parameter" in lost:
            _cut_parameter(model, name, dims[name], lost["parameter"])
        elif is_reader(model.get_submodule(name)):
            model.get_submodule(name).keep_features(reader_keeps(groups, name, lost["in"]))  # type: ignore[operator]
        else:
            _cut_module(model.get_submodule(name), name, lost)


def narrow(module: nn.Module, name: str, *, num_in: int, num_out: int) -> None:
    """Keep the first channels of a single layer, in place.

    Args:
        module: A layer that mixes channels, or that carries them through.
        name: What messages call it.
        num_in: Inputs that stay; of a layer that carries channels through, as many as outputs.
        num_out: Outputs that stay.
    """
    full_in, full_out = sides(module)
    gone_in, gone_out = set(range(num_in, full_in)), set(range(num_out, full_out))
    if isinstance(module, MIXING):
        _cut_module(module, name, {"in": gone_in, "out": gone_out})
    else:
        _cut_module(module, name, {"through": gone_out})


def reader_keeps(groups: list[ChannelGroup], name: str, removed: set[int]) -> Tensor:
    """Return the features a module that cuts its own input is to keep."""
    return torch.tensor(kept_places(num_places(groups, name, "in"), removed))


def kept_places(size: int, removed: set[int]) -> list[int]:
    """List what stays of `size` places, ascending."""
    return [place for place in range(size) if place not in removed]


def _cut_module(module: nn.Module, name: str, sides: Mapping[Side, set[int]]) -> None:
    removed_out, removed_in = sides.get("out", set()), sides.get("in", set())
    if isinstance(module, nn.Linear):
        _cut_linear(module, removed_in, removed_out)
    elif isinstance(module, nn.modules.conv._ConvNd):
        _cut_convolution(module, name, removed_in, removed_out)
    elif isinstance(module, nn.LayerNorm):
        keep = kept_places(module.normalized_shape[-1], sides["through"])
        _select(module, -1, keep, "weight", "bias")
        module.normalized_shape = (*module.normalized_shape[:-1], len(keep))
    elif isinstance(module, nn.GroupNorm):
        keep = kept_places(module.num_channels, sides["through"])
        _select(module, 0, keep, "weight", "bias")
        module.num_groups = len(keep) * module.num_groups // module.num_channels
        module.num_channels = len(keep)
    elif isinstance(module, nn.PReLU):
        keep = kept_places(module.num_parameters, sides["through"])
        _select(module, 0, keep, "weight")
        module.num_parameters = len(keep)
    elif isinstance(module, nn.modules.batchnorm._NormBase):
        keep = kept_places(module.num_features, sides["through"])
        _select(module, 0, keep, "weight", "bias", "running_mean", "running_var")
        module.num_features = len(keep)
    else:
        raise ModelError(f"{name} is a {type(module).__name__}, which cannot be cut; protect it")


def _cut_linear(module: nn.Linear, removed_in: set[int], removed_out: set[int]) -> None:
    keep_out = kept_places(module.out_features, removed_out)
    keep_in = kept_places(module.in_features, removed_in)
    _select(module, 0, keep_out, "weight", "bias")
    _select(module, 1, keep_in, "weight")
    module.in_features, module.out_features = len(keep_in), len(keep_out)


def _cut_convolution(module: Any, name: str, removed_in: set[int], removed_out: set[int]) -> None:
    keep_out = kept_places(module.out_channels, removed_out)
    keep_in = kept_places(module.in_channels, removed_in)
    if module.groups > 1:
        if module.transposed:
            raise ModelError(f"{name} is a grouped transposed convolution, which cannot be cut; protect it")
        # Whole groups go, so what is left of each filter's inputs is unchanged.
        module.groups = len(keep_out) * module.groups // module.out_channels
    else:
        _select(module, 0 if module.transposed else 1, keep_in, "weight")
    _select(module, 1 if module.transposed else 0, keep_out, "weight")
    _select(module, 0, keep_out, "bias")
    module.in_channels, module.out_channels = len(keep_in), len(keep_out)


def _cut_parameter(model: nn.Module, name: str, dim: int, removed: set[int]) -> None:
    owner, _, attribute = name.rpartition(".")
    module = model.get_submodule(owner)
    _select(module, dim, kept_places(getattr(module, attribute).shape[dim], removed), attribute)


def _select(module: nn.Module, dim: int, keep: list[int], *attributes: str) -> None:
    for attribute in attributes:
        tensor: Tensor | None = getattr(module, attribute)
        if tensor is None:
            continue
        taken = tensor.detach().index_select(dim, torch.tensor(keep, device=tensor.device))
        if isinstance(tensor, nn.Parameter):
            taken = nn.Parameter(taken, requires_grad=tensor.requires_grad)
        setattr(module, attribute, taken)
