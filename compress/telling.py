"""What became of a pruning, in a line for a person."""

from collections import Counter

from compress.prune import Pruned
from compress.reading import Reading
from millinet.latency import Budget


def latencies_told(pruned: Pruned) -> str:
    """Tell the latency before and after; where the intervals overlap, that nothing was won."""
    if pruned.base is None or pruned.measurement is None or pruned.budget is None:
        raise AssertionError("a pruning to a latency budget measures before and after")
    before, after = Reading.timed(pruned.base), Reading.timed(pruned.measurement)
    verdict = {"meets": "", "fails": ", over the budget", "undecided": ", which may or may not be within it"}
    told = f"{before.told(' ms')} -> {after.told(' ms')}{verdict[pruned.measurement.verdict(pruned.budget)]}"
    return told if pruned.is_faster else f"{told}, not faster for certain"


def groups_told(pruned: Pruned) -> str:
    """Tell how many groups of channels shrank, and why the others did not."""
    layers = pruned.layers
    is_gone = layers["note"] == "removed with its block"
    # By layer, for a group was found anew in every step and knows only what it lost in the last.
    narrower = set(layers.loc[~is_gone & (layers["out_after"] < layers["out_before"]), "layer"])
    num_narrower = sum(group.name in narrower for group in pruned.groups)
    told = f"{num_narrower} of {len(pruned.groups)} groups of channels narrower"
    if is_gone.any():
        told += f", {int(is_gone.sum())} layers gone with their blocks"
    reasons = Counter(group.reason for group in pruned.groups if group.reason)
    left = ", ".join(f"{reason} ({number})" for reason, number in reasons.most_common())
    return f"{told}; left alone: {left}" if left else told


def budget_told(budget: Budget) -> str:
    """Tell what is pruned to: a ratio of the network's own latency, or milliseconds."""
    return f"to {budget.ratio:g}x" if budget.ratio is not None else f"to {budget}"
