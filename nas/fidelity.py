"""Decide while a candidate trains whether it can still become worth keeping.

The median rule (Golovin et al., "Google Vizier", 2017, section 3.2.2): a candidate whose best accuracy so far
is below the median of what its peers had reached by the same epoch is stopped. Peers are earlier candidates
that are not slower, so the rule also holds for a search of the accuracy-latency front, where a slower network
may not condemn a faster one.
"""

from collections.abc import Sequence
from statistics import median
from typing import NamedTuple


class Peer(NamedTuple):
    """An earlier candidate that finished its training."""

    latency_ms: float
    accuracies: tuple[float, ...]
    """Validation accuracy after each epoch."""


def is_left_behind(
    accuracies: Sequence[float],
    peers: Sequence[Peer],
    *,
    latency_ms: float,
    min_epochs: int = 2,
    min_peers: int = 4,
) -> bool:
    """Tell whether a candidate is below the median of its peers at the same epoch.

    Args:
        accuracies: Its validation accuracy after each epoch so far.
        peers: Earlier candidates.
        latency_ms: Its latency; slower peers do not count.
        min_epochs: Epochs every candidate is given.
        min_peers: With fewer peers nothing is stopped.
    """
    epoch = len(accuracies)
    if epoch < min_epochs:
        return False
    reached = [
        max(peer.accuracies[:epoch])
        for peer in peers
        if peer.latency_ms <= latency_ms and len(peer.accuracies) >= epoch
    ]
    return len(reached) >= min_peers and max(accuracies) < median(reached)
