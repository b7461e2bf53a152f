"""Check that a pruned model computes what the original computes with the removed channels at zero.

The reference is the full model whose consumers ignore the removed channels: their weights are zeroed on the
input side only. It knows nothing of who produced those channels, so a coupling that was found wrongly cannot
hide. A layer norm looks at all channels at once; in the reference it looks at those that stay.
"""

import copy
from collections.abc import Mapping
from typing import Any, Final

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from compress.channels import ChannelGroup, Kept, removed_places
from compress.readers import is_reader
from compress.surgery import kept_places, reader_keeps, remove_channels
from millinet.device import evaluating
from millinet.errors import ExactnessError

TOLERANCE: Final = 1e-5
"""Largest difference allowed, relative to the largest output."""


def check_exact(
    model: nn.Module, pruned: nn.Module, example: Tensor, groups: list[ChannelGroup], kept: Kept
) -> float:
    """Raise unless `pruned` equals `model` with the removed channels zeroed.

    Both are compared in double precision, on copies; the arguments are left as they are.

    Args:
        model: The model before surgery.
        pruned: The model after it.
        example: An input batch, shape (batch, channels, height, width).
        groups: Every group of `model`.
        kept: The channels that stayed.

    Returns:
        The difference, relative to the largest output.

    Raises:
        ExactnessError: If they differ by more than `TOLERANCE`; the message names the groups.
    """
    error = _difference(model, pruned, example, groups, kept)
    if error > TOLERANCE:
        names = ", ".join(group.name for group in groups if group.index in kept)
        raise ExactnessError(
            f"the pruned model differs from the original with the same channels at zero by {error:.2g} of "
            f"its output, {TOLERANCE:g} is allowed; protect the layer concerned, among {names}"
        )
    return error


def is_exact(model: nn.Module, example: Tensor, groups: list[ChannelGroup], kept: Kept) -> bool:
    """Try a surgery on a copy of `model` and tell whether it runs and is exact."""
    pruned = copy.deepcopy(model)
    try:
        remove_channels(pruned, groups, kept)
        return _difference(model, pruned, example, groups, kept) <= TOLERANCE
    except Exception:  # noqa: BLE001 -- whatever the cut model raises, the cut was not exact
        return False


def ignoring(model: nn.Module, groups: list[ChannelGroup], kept: Kept) -> tuple[nn.Module, "KeptLayerNorm"]:
    """Return a full-width copy of `model` that ignores the removed channels, and the mode to run it in."""
    reference = copy.deepcopy(model)
    norms: dict[int, list[int]] = {}
    with torch.no_grad():
        for (name, side), places in removed_places(groups, kept).items():
            module: Any = reference.get_submodule(name) if side != "parameter" else None
            if side == "in" and is_reader(module):
                _read_less(module, reader_keeps(groups, name, places))
            elif side == "in" and getattr(module, "groups", 1) == 1:
                dim = 0 if getattr(module, "transposed", False) else 1
                module.weight.index_fill_(dim, torch.tensor(sorted(places), device=module.weight.device), 0.0)
            elif side == "through" and isinstance(module, nn.LayerNorm) and module.weight is not None:
                norms[id(module.weight)] = kept_places(module.normalized_shape[-1], places)
    return reference, KeptLayerNorm(norms)


def _read_less(reader: Any, keep: Tensor) -> None:
    """Let a module that cuts its own input do so, and hand it only the channels it kept."""
    reader.keep_features(keep)
    reader.register_forward_pre_hook(
        lambda _, inputs: (inputs[0].index_select(1, keep.to(inputs[0].device)),)
    )


class KeptLayerNorm(TorchFunctionMode):
    """Compute layer norms over the channels that stay, wherever one is called with a known weight."""

    def __init__(self, kept: Mapping[int, list[int]]) -> None:
        super().__init__()
        self.kept = kept

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        given: dict[str, Any] = kwargs or {}
        weight = given.get("weight")
        if func is not nn.functional.layer_norm or weight is None or id(weight) not in self.kept:
            return func(*args, **given)
        images, shape = args
        keep, bias = self.kept[id(weight)], given["bias"]
        normed = torch.zeros_like(images)
        normed[..., keep] = func(
            images[..., keep],
            (*shape[:-1], len(keep)),
            weight=weight[..., keep],
            bias=None if bias is None else bias[..., keep],
            eps=given["eps"],
        )
        return normed


def _difference(
    model: nn.Module, pruned: nn.Module, example: Tensor, groups: list[ChannelGroup], kept: Kept
) -> float:
    reference, mode = ignoring(model, groups, kept)
    reference.double()
    cut = copy.deepcopy(pruned).double()
    images = example.double()
    with evaluating(reference), evaluating(cut):
        with mode:
            expected = reference(images)
        found = cut(images)
    scale = expected.abs().max().clamp_min(torch.finfo(expected.dtype).tiny)
    return float(((found - expected).abs().max() / scale).nan_to_num(float("inf")))
