"""Learn the latency of a space before the first trial, from networks that are measured and never trained.

The named networks of the literature that lie in the space come first, then random ones. Each costs one
visit. Those named networks that meet the budget are enqueued as trials, so a search does not end worse than
they are.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import optuna

from millinet.errors import ConfigError, MillinetError
from millinet.frames import LATENCY
from millinet.runs import RunFolder
from nas.candidate import build
from nas.problem import Problem
from nas.records import PROBES
from search_spaces import NETWORKS, Architecture, SearchSpace, network


class Probe(NamedTuple):
    """One network measured and not trained."""

    params: dict[str, Any]
    """The point of the space."""
    latency_ms: float
    """Its latency."""


def probes_of(study: optuna.Study) -> list[Probe]:
    """List what was probed for a study."""
    return [Probe(params, latency_ms) for params, latency_ms in study.user_attrs.get(PROBES, [])]


def is_unprobed(problem: Problem, study: optuna.Study) -> bool:
    """Tell whether the search would learn from probes and has none yet."""
    wants = problem.config.sampler == "gated" and problem.config.num_probes > 0
    return wants and PROBES not in study.user_attrs


def probe(problem: Problem, run: RunFolder, study: optuna.Study) -> None:
    """Measure untrained networks of the space, and enqueue the named ones inside the budget.

    A network that cannot be built or measured is passed over.
    """
    probed: list[Probe] = []
    rows = []
    for name, architecture in _chosen(problem.space, problem.config.num_probes, seed=problem.config.seed):
        params = problem.space.params(architecture)
        try:
            model = build(architecture, seed=problem.config.seed)
            measured = next(problem.meter.visits(model, problem.example, budget=problem.budget))
        except (MillinetError, RuntimeError, MemoryError):
            continue
        probed.append(Probe(params, measured.median_ms))
        rows.append(measured.row(model=f"probe:{name}", fingerprint=architecture.fingerprint))
        if name in NETWORKS and measured.median_ms <= problem.limit_ms:
            study.enqueue_trial(params, skip_if_exists=True)
    run.append(LATENCY, rows)
    study.set_user_attr(PROBES, [[params, latency_ms] for params, latency_ms in probed])


def known_networks(space: SearchSpace) -> Iterator[tuple[str, Architecture]]:
    """Yield the named networks that are points of a space."""
    for name in NETWORKS:
        try:
            architecture = network(
                name,
                num_classes=space.num_classes,
                in_channels=space.in_channels,
                resolution=space.resolution,
            )
            space.params(architecture)
        except ConfigError:
            continue
        yield name, architecture


def _chosen(space: SearchSpace, count: int, *, seed: int) -> Iterator[tuple[str, Architecture]]:
    yield from known_networks(space)
    rng = np.random.default_rng([seed, 1])
    drawn: set[str] = set()
    for _ in range(count):
        architecture = space.sample(rng)
        if architecture.fingerprint not in drawn:
            drawn.add(architecture.fingerprint)
            yield str(len(drawn)), architecture
