"""Keep the same fraction of every group."""

import numpy as np

from compress.allocation.problem import Problem

_NUM_FRACTIONS = 1001


def uniform(problem: Problem, limit: float) -> dict[int, int]:
    """Choose the largest common fraction of channels whose cost is at most `limit`.

    Returns:
        Widths by group, each the allowed one nearest to the fraction.
    """
    fractions = np.linspace(0.0, 1.0, _NUM_FRACTIONS)
    low, high = 0, _NUM_FRACTIONS - 1
    while low < high:
        middle = (low + high + 1) // 2
        if problem.cost(at_fraction(problem, float(fractions[middle]))) <= limit:
            low = middle
        else:
            high = middle - 1
    return at_fraction(problem, float(fractions[low]))


def at_fraction(problem: Problem, fraction: float) -> dict[int, int]:
    """Return for every group the allowed width nearest to a fraction of its channels; blocks stay."""
    widths = dict(problem.full)
    for index, choice in problem.choices.items():
        if index >= 0:
            nearest = np.abs(choice.widths - fraction * choice.widths[-1]).argmin()
            widths[index] = int(choice.widths[nearest])
    return widths
