"""What candidates say of themselves before any training: proxies, each on the same images."""

from collections.abc import Sequence
from math import isfinite
from typing import Final

import torch

from millinet.data import DataSet
from millinet.tables import pick
from nas.candidate import build
from nas.problem import Problem
from nas.proxies import PROXIES
from search_spaces import Architecture

_NUM_IMAGES: Final = 32
_MOST_REMEMBERED: Final = 10_000


class Evidence:
    """Scores untrained networks by proxies; the score of one depends on the data and the seed alone.

    Args:
        names: Proxies, as `nas.proxies.PROXIES` or a plug-in calls them.
        data: Whose training images they see.
        seed: Of the images that are drawn, and of the initial weights.
        device: Where it is computed.
    """

    def __init__(self, names: Sequence[str], data: DataSet, *, seed: int, device: str = "cpu") -> None:
        self._proxies = {name: pick("proxy", name, PROXIES, group="proxies") for name in names}
        self._seed, self._device = seed, device
        order = torch.randperm(len(data.train), generator=torch.Generator().manual_seed(seed))
        drawn = order[:_NUM_IMAGES]
        self._images = data.normalise(data.train.pixels(drawn)).to(device)
        self._labels = data.train.labels[drawn].to(device)
        self._known: dict[str, tuple[float, ...] | None] = {}

    @property
    def names(self) -> tuple[str, ...]:
        """The proxies, in the order of the scores."""
        return tuple(self._proxies)

    def __call__(self, architecture: Architecture) -> tuple[float, ...] | None:
        """Return one finite score a proxy; None where the network cannot be built or scored.

        Costs what the proxies cost, some tens of milliseconds for a small network; asked again, nothing.
        """
        key = architecture.fingerprint
        if key not in self._known:
            if len(self._known) >= _MOST_REMEMBERED:
                self._known.clear()
            self._known[key] = self._scores(architecture)
        return self._known[key]

    def _scores(self, architecture: Architecture) -> tuple[float, ...] | None:
        # What is random in a forward pass, such as dropout, must not depend on what was scored before.
        with torch.random.fork_rng():
            torch.manual_seed(self._seed)
            try:
                model = build(architecture, seed=self._seed).to(self._device)
                scores = [proxy(model, self._images, self._labels) for proxy in self._proxies.values()]
            except Exception:  # noqa: BLE001 -- a block may fail in any way; the trial will tell how
                return None
        return tuple(scores) if all(map(isfinite, scores)) else None


def evidence_of(problem: Problem) -> Evidence | None:
    """Return what scores the candidates of a search; None where no proxy was asked for."""
    names, seed = problem.config.proxies, problem.config.seed
    return Evidence(names, problem.data, seed=seed, device=problem.device) if names else None
