"""Say why a target is out of reach: what pruning can reach, and which protected layers stand in the way."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

import torch

from compress.allocation import Choice, Problem
from compress.channels import OUTPUT, ChannelGroup
from compress.choices import choices
from compress.config import PruneConfig
from compress.goal import Goal
from compress.reading import Reading, in_words
from millinet.errors import InfeasibleBudgetError


def refusal(
    goal: Goal, floor: Reading, problem: Problem, groups: Sequence[ChannelGroup], config: PruneConfig
) -> InfeasibleBudgetError:
    """Make the error for a target that even the narrowest widths miss.

    Args:
        goal: What was asked for.
        floor: The quantity at the narrowest widths.
        problem: Predicts what other widths would cost.
        groups: Every group of the model.
        config: Its limits, and what it protects.
    """
    share = floor.value / goal.full.value
    reached = (
        f"pruning reaches {floor.told(goal.unit)} at its narrowest ({share:.2f} of the {goal.quantity} now)"
    )
    return InfeasibleBudgetError(
        f"{reached}, not {goal.limit:.4g}{goal.unit}; {_protection(goal, floor, problem, groups, config)}"
        f"{_left_alone(groups)}"
        f"raise the target to that, or lower min_channels, raise max_removed or protect less"
    )


def blame(
    problem: Problem, groups: Sequence[ChannelGroup], config: PruneConfig, *, enough: float
) -> tuple[list[str], float]:
    """Name the protected modules that hold the cost up, the most expensive first.

    Args:
        problem: Without the protected groups.
        groups: Every group of the model.
        config: Gives the limits of the widths.
        enough: Fraction of the lowest cost now at which no more names are needed.

    Returns:
        The names, and the fraction of the lowest cost now that is left without their protection.
    """
    freed = _freed(groups, config)
    lowest = problem.cost(problem.least)

    def left(names: Sequence[str]) -> float:
        extra = {index: choice for name in names for index, choice in freed[name].items()}
        wider = replace(problem, choices={**problem.choices, **extra})
        return wider.cost(wider.least) / lowest

    named: list[str] = []
    share = 1.0
    for name in sorted(freed, key=lambda name: left([name])):
        if share <= enough:
            break
        now = left([*named, name])
        if now < share:
            named.append(name)
            share = now
    return named, share


def _protection(
    goal: Goal, floor: Reading, problem: Problem, groups: Sequence[ChannelGroup], config: PruneConfig
) -> str:
    names, share = blame(problem, groups, config, enough=goal.limit / floor.value)
    if not names:
        return ""
    told = ", ".join(names)
    value = f"about {in_words(floor.value * share, goal.unit)}"
    if floor.value * share <= goal.limit:
        return f"it is protecting {told} that makes it impossible, without which {value} would be reached; "
    return f"without protecting {told} it would be {value}, which is not enough either; "


def _left_alone(groups: Sequence[ChannelGroup]) -> str:
    """Tell the commonest reason, other than protection, for which groups cannot shrink."""
    reasons = Counter(group.reason for group in groups if group.reason and not group.protected_by)
    reasons.pop(OUTPUT, None)
    if not reasons:
        return ""
    commonest, _ = reasons.most_common(1)[0]
    return f"{reasons.total()} of {len(groups)} groups of channels cannot shrink ({commonest}); "


def _freed(groups: Sequence[ChannelGroup], config: PruneConfig) -> dict[str, dict[int, Choice]]:
    """Return the choices that each protected name takes away, by its name."""
    found: dict[str, dict[int, Choice]] = {}
    for group in groups:
        if group.protected_by:
            scores = [torch.zeros(group.num_channels)]
            open_group = [replace(group, reason="")]
            found.setdefault(group.protected_by, {}).update(choices(open_group, scores, config))
    return found
