"""Decide while a candidate trains whether it can still become worth keeping.

Rules by name in `STOPPING`; each sees the validation accuracy after every epoch so far, and that of earlier
candidates. One that goes on keeps its training, so nothing is trained twice; one that is stopped is told to
the sampler with what it had reached, so the sampler learns from every rung.

- `median` (Golovin et al., "Google Vizier", 2017, section 3.2.2): stopped if the best accuracy so far is
  below the median of what its peers had reached by the same epoch. Peers are earlier candidates that are not
  slower and ended their training, so in a search of a front no slower network condemns a faster one.
- `halving`, asynchronous successive halving (Li et al., "A System for Massively Parallel Hyperparameter
  Tuning", 2020, in its stopping form): at rungs of 1, 3, 9, ... epochs only the best third of all that
  reached the rung goes on. In a search of a front the best third is that of non-dominated sorting by accuracy
  and latency, so the fastest go on as well as the most accurate.
"""

from collections.abc import Callable, Mapping, Sequence
from statistics import median
from typing import Final, NamedTuple

from millinet.statistics import pareto_front


class Peer(NamedTuple):
    """An earlier candidate that was trained."""

    latency_ms: float
    accuracies: tuple[float, ...]
    """Validation accuracy after each epoch."""
    is_complete: bool = True
    """Whether it ended its training; False where it was stopped."""


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
        if peer.is_complete and peer.latency_ms <= latency_ms and len(peer.accuracies) >= epoch
    ]
    return len(reached) >= min_peers and max(accuracies) < median(reached)


def is_halted(
    accuracies: Sequence[float],
    peers: Sequence[Peer],
    *,
    latency_ms: float | None = None,
    eta: int = 3,
) -> bool:
    """Tell whether a candidate ends at the rung it has come to.

    Args:
        accuracies: Its validation accuracy after each epoch so far.
        peers: Earlier candidates, stopped ones too; those that reached the rung count.
        latency_ms: Its latency where a front is searched; None compares accuracies alone.
        eta: One in so many goes on from a rung; rungs are at the powers of this, in epochs.
    """
    epoch = len(accuracies)
    if not _is_rung(epoch, eta):
        return False
    reached = [peer for peer in peers if len(peer.accuracies) >= epoch]
    points = [(-max(accuracies), latency_ms or 0.0)] + [
        (-max(peer.accuracies[:epoch]), 0.0 if latency_ms is None else peer.latency_ms) for peer in reached
    ]
    return len(reached) >= eta and _num_before_first(points) >= len(points) / eta


def _is_rung(epoch: int, eta: int) -> bool:
    rung = 1
    while rung < epoch:
        rung *= eta
    return rung == epoch


def _num_before_first(points: Sequence[tuple[float, float]]) -> int:
    """Count the points on better fronts than the first point's, by non-dominated sorting."""
    left = list(range(len(points)))
    passed = 0
    while True:
        front = {left[index] for index in pareto_front([points[index] for index in left])}
        # The front keeps one of several equal points; the others are as good.
        front = {index for index in left if any(points[index] == points[kept] for kept in front)}
        if 0 in front:
            return passed
        passed += len(front)
        left = [index for index in left if index not in front]


class Standing(NamedTuple):
    """A candidate in the middle of its training, as a rule sees it."""

    accuracies: Sequence[float]
    """Validation accuracy after each epoch so far."""
    peers: Sequence[Peer]
    """Earlier candidates."""
    latency_ms: float
    is_front: bool
    """Whether a front is searched, not the best accuracy alone."""


def _by_median(standing: Standing) -> bool:
    return is_left_behind(standing.accuracies, standing.peers, latency_ms=standing.latency_ms)


def _by_halving(standing: Standing) -> bool:
    latency_ms = standing.latency_ms if standing.is_front else None
    return is_halted(standing.accuracies, standing.peers, latency_ms=latency_ms)


STOPPING: Final[Mapping[str, Callable[[Standing], bool]]] = {
    "halving": _by_halving,
    "median": _by_median,
    "none": lambda _: False,
}
"""Rules by name; each tells whether a candidate is stopped where it stands."""
