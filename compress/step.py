"""One step of pruning: find the groups, score their channels, choose widths, cut, and prove it exact."""

import copy
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from compress.allocation import ALLOCATIONS, Choice, Problem
from compress.allocation.uniform import at_fraction
from compress.blocks import Block, find_blocks, groups_without, losses, remove_blocks
from compress.channels import ChannelGroup, Kept
from compress.choices import check_scores, choices, explained, pick_channels
from compress.config import PruneConfig
from compress.criteria import CRITERIA, Batch
from compress.discovery import find_groups
from compress.exactness import check_exact
from compress.goal import Goal
from compress.landing import Attempt, land
from compress.layers import Widths, read_layers
from compress.reading import Reading
from compress.refusal import refusal
from compress.surgery import remove_channels
from millinet.errors import ConfigError, ModelError
from millinet.tables import pick

_NUM_SAMPLES = 16


class Step(NamedTuple):
    """A smaller model, and how it came about."""

    model: nn.Module
    groups: list[ChannelGroup]
    kept: dict[int, int]
    """Channels each prunable group kept, by its index."""
    error: float
    """Difference found by the exactness check, relative to the output."""


def shrink(
    model: nn.Module, example: Tensor, goal: Goal, config: PruneConfig, data: Sequence[Batch] = ()
) -> Step:
    """Prune `model` to a goal in one step; the model itself is left as it is.

    Args:
        model: In eval mode.
        example: An input batch, shape (batch, channels, height, width), on the model's device.
        goal: What to reach.
        config: How.
        data: Batches for criteria that look at data.

    Raises:
        ModelError: If no group of the model can shrink.
        InfeasibleBudgetError: If the goal cannot be reached.
        ExactnessError: If the surgery changed more than the removed channels.
    """
    images = noise_like(example)
    groups = find_groups(model, images, protect=config.protect)
    scores = channel_scores(model, groups, config.criterion, data)
    allowed = choices(groups, scores, config)
    if not allowed:
        raise ModelError(_nothing_to_prune(explained(groups, config)))
    blocks = find_blocks(model, _sample(images, data), protect=config.protect) if config.remove_blocks else []
    allowed |= block_choices(blocks, groups, scores)
    layers = read_layers(model, example, groups, {block.name: block.index for block in blocks})
    pricing = goal.price(model, layers)
    problem = Problem(
        choices=allowed,
        layers=layers,
        totals={group.index: group.num_channels for group in groups},
        price=pricing.price,
        fixed=pricing.fixed,
    )

    def cut(widths: dict[int, int]) -> nn.Module:
        smaller = copy.deepcopy(model)
        gone = removed_blocks(blocks, widths)
        remove_blocks(smaller, gone)
        remove_channels(smaller, groups_without(groups, gone), channels_at(widths, scores))
        return smaller

    attempt = _reach(problem, goal, config, cut)
    if attempt.reading.value > goal.limit:
        raise refusal(goal, attempt.reading, problem, groups, config)
    gone = removed_blocks(blocks, attempt.widths)
    shallow = copy.deepcopy(model)
    remove_blocks(shallow, gone)
    left = groups_without(groups, gone)
    error = check_exact(shallow, attempt.model, images, left, channels_at(attempt.widths, scores))
    kept = {index: width for index, width in attempt.widths.items() if index >= 0}
    return Step(attempt.model, explained(groups, config), kept, error)


def noise_like(example: Tensor) -> Tensor:
    """Return at least two images of noise, in the shape of the example.

    One alone would make the batch axis look like any axis of size one, and a black one, as examples often
    are, would leave nothing to compare in a network without biases.
    """
    shape = (max(2, len(example)), *example.shape[1:])
    return torch.randn(shape, generator=torch.Generator().manual_seed(0)).to(example)


def channel_scores(
    model: nn.Module, groups: Sequence[ChannelGroup], criterion: str, data: Sequence[Batch] = ()
) -> list[Tensor]:
    """Score every channel of every prunable group by a named criterion.

    Returns:
        For each group a tensor of shape (channels,), comparable between groups; zeros where it is not
        prunable.

    Raises:
        UnknownNameError: If there is no such criterion.
        ConfigError: If it needs data and there is none, or its scores are not finite.
    """
    chosen = pick("criterion", criterion, CRITERIA, group="criteria")
    if chosen.needs_data and not data:
        raise ConfigError(f"criterion {criterion!r} looks at data, and none is given; pass data=batches")
    prunable = [group for group in groups if group.is_prunable]
    found = chosen.score(model, prunable, data)
    check_scores(found, prunable, criterion)
    if not chosen.is_comparable:
        found = [_relative(score, group) for score, group in zip(found, prunable, strict=True)]
    scores = {group.index: score for group, score in zip(prunable, found, strict=True)}
    return [scores.get(group.index, torch.zeros(group.num_channels)) for group in groups]


def _relative(score: Tensor, group: ChannelGroup) -> Tensor:
    """Scale scores that only rank within a group so that the group weighs as much as what reads it."""
    num_readers = sum(slot.side == "in" for slot in group.slots)
    return score * (num_readers / score.sum().clamp_min(torch.finfo(score.dtype).tiny))


def channels_at(widths: Widths, scores: Sequence[Tensor]) -> Kept:
    """Return the channels that stay when each group keeps its best ones."""
    return {
        index: pick_channels(scores[index], width)
        for index, width in widths.items()
        if index >= 0 and width < len(scores[index])
    }


def removed_blocks(blocks: Sequence[Block], widths: Widths) -> list[str]:
    """Name the blocks that are taken out whole."""
    return [block.name for block in blocks if widths.get(block.index, 1) == 0]


def block_choices(
    blocks: Sequence[Block], groups: Sequence[ChannelGroup], scores: Sequence[Tensor]
) -> dict[int, Choice]:
    """Offer each block as a choice between none and all of it."""
    weights = {group.index: float(scores[group.index].sum()) for group in groups if group.is_prunable}
    return {
        index: Choice(np.array([0, 1]), np.array([lost, 0.0]))
        for index, lost in losses(blocks, groups, weights).items()
    }


def _sample(images: Tensor, data: Sequence[Batch]) -> Tensor:
    """Return real images where there are any: what a block adds depends on what it sees."""
    if data:
        return data[0][0][:_NUM_SAMPLES].to(images.device)
    return images


def _reach(
    problem: Problem, goal: Goal, config: PruneConfig, cut: Callable[[dict[int, int]], nn.Module]
) -> Attempt:
    if goal.quantity == "channels" and config.allocation in (None, "uniform"):
        widths = at_fraction(problem, goal.limit / goal.full.value)
        return Attempt(widths, cut(widths), goal.limit, (Reading.counted(goal.limit),))
    allocate = pick("allocation", config.allocation or "knapsack", ALLOCATIONS)
    return land(problem, goal, allocate, cut, max_tries=config.max_tries)


def _nothing_to_prune(groups: Sequence[ChannelGroup]) -> str:
    told = "; ".join(f"{group.name}: {group.reason}" for group in groups[:4])
    more = f"; and {len(groups) - 4} more" if len(groups) > 4 else ""
    told = f"{told or 'no layers found'}{more}"
    return f"no group of channels can shrink ({told}); protect less or lower min_channels"
