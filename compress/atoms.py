"""Take out the atoms of sparse-coded heads that no code of the data uses.

An atom whose weight stays zero for an image adds nothing to its logits, and the step size of the coder is
kept, so without it the code is the same to the last bit of arithmetic. Whether that holds is tried on a copy.
"""

import copy
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from compress.criteria import Batch
from compress.exactness import TOLERANCE
from millinet.device import evaluating


class Atoms(NamedTuple):
    """Atoms of one head."""

    before: int
    after: int


def drop_unused_atoms(
    model: nn.Module, data: Sequence[Batch], *, protect: Sequence[str] = ()
) -> dict[str, Atoms]:
    """Remove unused atoms in place; what has methods `code` and `keep_atoms` has atoms.

    A head that owns atoms by class keeps at least one a class, or the class could not be learnt any more.

    Args:
        model: In eval mode.
        data: Batches of images and labels; an atom is used if any of the images gives it weight.
        protect: Names of heads that are left alone, or of what they lie in.

    Returns:
        What the heads that lost atoms had and have, by name.
    """
    found = {}
    for name, module in list(model.named_modules()):
        is_protected = any(name == other or name.startswith(f"{other}.") for other in protect)
        if is_protected or not data or not _has_atoms(module):
            continue
        used = _used(model, module, data)
        kept = _with_one_a_class(module, used).nonzero().flatten()
        if len(kept) == len(used):
            continue
        smaller = copy.deepcopy(model)
        _keep(smaller.get_submodule(name), kept)
        # An atom may have had weight in an early step of the coder and none in the last.
        if _agree(model, smaller, data):
            _keep(module, kept)
            found[name] = Atoms(len(used), len(kept))
    return found


def _has_atoms(module: nn.Module) -> bool:
    return all(callable(getattr(module, method, None)) for method in ("code", "keep_atoms"))


def _keep(head: Any, kept: Tensor) -> None:
    head.keep_atoms(kept)


def _used(model: nn.Module, head: Any, data: Sequence[Batch]) -> Tensor:
    """Return which atoms any image gives weight, bool of shape (atoms,)."""
    used: list[Tensor] = []
    handle = head.register_forward_pre_hook(_noting(used))
    try:
        with evaluating(model):
            for images, _ in data:
                model(images.to(_device(model)))
    finally:
        handle.remove()
    return torch.stack(used).any(0)


def _noting(used: list[Tensor]) -> Callable[[Any, Any], None]:
    def note(head: Any, inputs: Any) -> None:
        used.append((head.code(*inputs) > 0).any(0))

    return note


def _with_one_a_class(head: Any, used: Tensor) -> Tensor:
    """Return the atoms to keep, bool of shape (atoms,): those in use, and the first of each silent class."""
    membership = getattr(getattr(head, "readout", None), "membership", None)
    if membership is None:
        return used if bool(used.any()) else torch.arange(len(used), device=used.device) == 0
    keep = used.clone()
    owned = membership > 0  # (atoms, classes)
    silent = ~(owned & used[:, None]).any(0)
    keep[owned.int().argmax(0)[silent]] = True
    return keep


def _agree(model: nn.Module, smaller: nn.Module, data: Sequence[Batch]) -> bool:
    with evaluating(model), evaluating(smaller):
        for batch, _ in data:
            images = batch.to(_device(model))
            expected = model(images)
            if float((smaller(images) - expected).abs().max()) > TOLERANCE * float(expected.abs().max()):
                return False
    return True


def _device(model: nn.Module) -> torch.device:
    return next(model.parameters()).device
