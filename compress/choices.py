"""Which widths each group may have."""

from collections.abc import Sequence
from dataclasses import replace
from math import ceil, gcd

import numpy as np
from torch import Tensor

from compress.allocation import Choice
from compress.channels import ChannelGroup
from compress.config import PruneConfig
from millinet.errors import ConfigError

_LARGEST_STEP = 8
"""Vector units and tensor cores alike work on eights."""


def choices(
    groups: Sequence[ChannelGroup], scores: Sequence[Tensor], config: PruneConfig
) -> dict[int, Choice]:
    """List the allowed widths of every prunable group, with the importance each would lose.

    Args:
        groups: Every group of the model.
        scores: For each group, a score for each channel; those of unprunable groups are not read.
        config: Gives the rounding and the limits.

    Returns:
        By index of the group; groups with no narrower width than they have are left out.
    """
    found = {}
    for group, score in zip(groups, scores, strict=True):
        if not group.is_prunable:
            continue
        widths = allowed_widths(group, config)
        if len(widths) > 1:
            ascending = np.sort(score.double().cpu().numpy())
            running = np.concatenate([[0.0], np.cumsum(ascending)])
            lost = damage(running[group.num_channels - widths], float(running[-1]))
            found[group.index] = Choice(widths, lost)
    return found


def explained(groups: Sequence[ChannelGroup], config: PruneConfig) -> list[ChannelGroup]:
    """Give the groups that could shrink but have no narrower width to go to that as their reason."""
    return [
        replace(group, reason="min_channels, max_removed and round_to allow it no narrower width")
        if group.is_prunable and len(allowed_widths(group, config)) == 1
        else group
        for group in groups
    ]


def damage(lost: "np.typing.NDArray[np.float64]", total: float) -> "np.typing.NDArray[np.float64]":
    """Weigh lost importance: its sum while little goes, without bound as a group empties.

    A plain sum would let one cheap group be cut to its minimum before any other loses a channel.

    Args:
        lost: Sum of the scores that go.
        total: Sum of all scores of the group.
    """
    share = np.clip(lost / max(total, np.finfo(float).tiny), 0.0, 1.0 - 1e-9)
    return -total * np.log1p(-share)


def allowed_widths(group: ChannelGroup, config: PruneConfig) -> "np.typing.NDArray[np.int64]":
    """Return the widths a group may have in channels, ascending, its full width last."""
    total, unit = group.num_channels, group.unit
    step = _step(total * unit, config)
    step = step // gcd(step, unit)
    # A hair off the product, or 0.9 of 40 channels would leave five instead of four.
    by_fraction = ceil(total * (1.0 - config.max_removed) - 1e-9)
    least = max(1, ceil(config.min_channels / unit), by_fraction)
    first = ceil(least / step) * step
    return np.array([*range(first, total, step), total], dtype=np.int64)


def _step(width: int, config: PruneConfig) -> int:
    if config.round_to is not None:
        return config.round_to
    if not config.device.startswith("cpu"):
        return _LARGEST_STEP
    step = 1
    while step < _LARGEST_STEP and step * 16 <= width:
        step *= 2
    return step


def pick_channels(score: Tensor, width: int) -> list[int]:
    """Return the `width` channels of highest score, ascending; the earlier one wins a tie."""
    order = sorted(range(len(score)), key=lambda channel: (-float(score[channel]), channel))
    return sorted(order[:width])


def check_scores(scores: Sequence[Tensor], groups: Sequence[ChannelGroup], criterion: str) -> None:
    """Refuse scores that are not one finite number a channel.

    Raises:
        ConfigError: If a criterion returned something else.
    """
    for group, score in zip(groups, scores, strict=True):
        if score.shape != (group.num_channels,) or not bool(score.isfinite().all()):
            raise ConfigError(
                f"criterion {criterion!r} must give one finite score for each of the {group.num_channels} "
                f"channels of {group.name}, got shape {tuple(score.shape)}; look for NaN in the weights"
            )
