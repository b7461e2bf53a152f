"""The weights that produce each channel of a group."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from compress.channels import ChannelGroup


def filters(model: nn.Module, group: ChannelGroup) -> list[Tensor]:
    """Return, for each layer that produces the group, its weights by channel.

    Returns:
        Matrices of shape (channels, weights); a bias is no part of a filter.
    """
    matrices = []
    for slot in group.slots:
        if slot.side == "parameter":
            weight = model.get_parameter(slot.name).movedim(slot.dim, 0)
        elif slot.side == "out":
            module = model.get_submodule(slot.name)
            weight = module.get_parameter("weight")
            weight = weight.transpose(0, 1) if getattr(module, "transposed", False) else weight
        else:
            continue
        rows = weight.detach().flatten(1) if weight.dim() > 1 else weight.detach()[:, None]
        matrices.append(rows[torch.tensor(slot.places, device=rows.device)].flatten(1).float())
    return matrices


def mean_over_producers(
    model: nn.Module, groups: Sequence[ChannelGroup], score: Callable[[Tensor], Tensor]
) -> list[Tensor]:
    """Score each producer's filters with `score`, and average over the producers of a group.

    Each producer's scores are divided by their mean first, so that no layer of a residual stream outvotes the
    others by the scale of its weights.
    """
    scored = []
    for group in groups:
        parts = [score(matrix) for matrix in filters(model, group)]
        if len(parts) > 1:
            parts = [part / part.mean().clamp_min(torch.finfo(part.dtype).tiny) for part in parts]
        scored.append(torch.stack(parts).mean(0))
    return scored
