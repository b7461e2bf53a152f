"""Keep the channels whose score passes one threshold for the whole network."""

import numpy as np

from compress.allocation.problem import Choice, Problem


def threshold(problem: Problem, limit: float) -> dict[int, int]:
    """Choose the lowest common threshold whose cost is at most `limit`.

    Returns:
        Widths by group; a group keeps an allowed width nearest to its channels above the threshold.
    """
    scores = np.concatenate([_marginal(choice) for choice in problem.choices.values()])
    candidates = np.concatenate([[-np.inf], np.unique(scores), [np.inf]])
    low, high = 0, len(candidates) - 1
    while low < high:
        middle = (low + high) // 2
        if problem.cost(_above(problem, float(candidates[middle]))) <= limit:
            high = middle
        else:
            low = middle + 1
    return _above(problem, float(candidates[low]))


def _marginal(choice: Choice) -> "np.typing.NDArray[np.float64]":
    """Return, for each step to a wider option, the mean score of the channels it adds."""
    return -np.diff(choice.lost) / np.diff(choice.widths)


def _above(problem: Problem, least: float) -> dict[int, int]:
    widths = {}
    for index, choice in problem.choices.items():
        widths[index] = int(choice.widths[np.count_nonzero(_marginal(choice) > least)])
    return widths
