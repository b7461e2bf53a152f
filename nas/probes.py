"""Learn the latency of a space before the first trial, from networks that are measured and never trained.

The named networks of the literature that lie in the space come first, whatever the sampler; then, for a
sampler that learns from them, random ones. Each costs one visit. The named ones that may meet the budget are
enqueued as trials, so a search does not end worse than they are.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import optuna
from torch import Tensor

from millinet.errors import ConfigError, MillinetError
from millinet.frames import LATENCY
from millinet.latency import Budget, LatencyMeasurement, LatencyMeter
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
    doubt: float = 0.0
    """How far the machine's noise alone carries its interval above it, as a fraction."""


class Probed(NamedTuple):
    """A probe while it is fresh."""

    name: str
    """Name of the network, or its number where it has none."""
    architecture: Architecture
    measured: LatencyMeasurement


def probes_of(study: optuna.Study) -> list[Probe]:
    """List what was probed for a study."""
    return [Probe(*kept) for kept in study.user_attrs.get(PROBES, [])]


def is_unprobed(study: optuna.Study) -> bool:
    """Tell whether a study is new: nothing was probed for it yet."""
    return PROBES not in study.user_attrs


def num_random_probes(sampler: str, wanted: int) -> int:
    """Return how many random networks are worth measuring: none for a sampler that does not look at them."""
    return wanted if sampler == "gated" else 0


def probe(problem: Problem, run: RunFolder, study: optuna.Study) -> None:
    """Probe the space of a search, and enqueue the named networks that may meet the budget."""
    count = num_random_probes(problem.config.sampler, problem.config.num_probes)
    probed = list(
        visited(
            problem.space,
            problem.meter,
            problem.example,
            budget=problem.budget,
            count=count,
            seed=problem.config.seed,
        )
    )
    run.append(
        LATENCY,
        [
            measured.row(model=f"probe:{name}", fingerprint=architecture.fingerprint)
            for name, architecture, measured in probed
        ],
    )
    keep(study, problem.space, probed, budget=problem.budget)


def visited(
    space: SearchSpace,
    meter: LatencyMeter,
    example: Tensor,
    *,
    budget: Budget,
    count: int,
    seed: int,
) -> Iterator[Probed]:
    """Pay one visit to each named network of a space, and to `count` random ones.

    A network that cannot be built or measured is passed over.
    """
    for name, architecture in _chosen(space, count, seed=seed):
        try:
            model = build(architecture, seed=seed)
            measured = next(meter.visits(model, example, budget=budget))
        except (MillinetError, RuntimeError, MemoryError):
            continue
        yield Probed(name, architecture, measured)


def keep(study: optuna.Study, space: SearchSpace, probed: list[Probed], *, budget: Budget | None) -> None:
    """Enqueue the named networks that one visit did not find over the budget, then keep the probes."""
    probes = [
        Probe(space.params(one.architecture), one.measured.median_ms, one.measured.doubt) for one in probed
    ]
    for one, (params, _, _) in zip(probed, probes, strict=True):
        if one.name in NETWORKS and budget is not None and one.measured.verdict(budget) != "fails":
            study.enqueue_trial(params, skip_if_exists=True)
    study.set_user_attr(PROBES, probes)


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
