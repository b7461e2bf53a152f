"""Scale of the batch norm behind each channel."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from compress.channels import ChannelGroup
from compress.criteria.criterion import Batch, Criterion
from compress.criteria.filters import mean_over_producers
from compress.criteria.l2 import euclidean_norms


def scales(model: nn.Module, group: ChannelGroup) -> list[Tensor]:
    """Return, for each batch norm a group passes, the magnitude of its scale by channel.

    A channel normalised and then scaled by little carries little (Liu et al., "Network Slimming", ICCV 2017).

    Returns:
        Vectors of shape (channels,), never negative.
    """
    found = []
    for slot in group.slots:
        module = model.get_submodule(slot.name) if slot.side == "through" else None
        if isinstance(module, nn.modules.batchnorm._BatchNorm) and module.affine:
            places = torch.tensor(slot.places, device=module.weight.device)
            found.append(module.weight.detach().abs()[places].float().mean(1))
    return found


def _score(model: nn.Module, groups: Sequence[ChannelGroup], _: Sequence[Batch]) -> list[Tensor]:
    scored = []
    for group in groups:
        found = scales(model, group)
        # A group without a batch norm is ranked by its filters; ranks of groups are not compared.
        norms = mean_over_producers(model, [group], euclidean_norms)
        scored.append(torch.stack(found).mean(0) if found else norms[0])
    return scored


BATCH_NORM = Criterion(score=_score)
"""The batch norm's scale: data-free, at its best after training with a sparsity penalty on the scales."""
