"""Judge one candidate: build it, measure it, and train it only if it is inside the budget."""

import gc
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any, Final

import torch
from torch import nn

from millinet.costs import Costs
from millinet.errors import ConfigError, DivergedError
from millinet.latency import LatencyMeasurement
from millinet.training import EpochRecord, fit
from millinet.training.micro import is_memory_short
from nas.fidelity import STOPPING, Peer, Standing
from nas.problem import Problem
from search_spaces import Architecture

COMPLETE: Final = "complete"
PRUNED: Final = "pruned early"
OVER_BUDGET: Final = "over budget"
UNDECIDED: Final = "undecided"
FAILED: Final = "failed"


@dataclass(kw_only=True, slots=True)
class Outcome:
    """What became of a candidate, filled in as it goes."""

    state: str = FAILED
    """complete, pruned early, over budget, undecided or failed."""
    verdict: str | None = None
    """What its measured latency says of the budget."""
    latency: LatencyMeasurement | None = None
    """Its latency, where it could be measured."""
    history: list[EpochRecord] = field(default_factory=list)
    """One record an epoch, where it was trained."""
    measure_seconds: float = 0.0
    """Time spent building and measuring."""
    train_seconds: float = 0.0
    """Time spent training."""
    health: Mapping[str, float] = field(default_factory=dict)
    """What parts of the trained network said of themselves, such as how much of a dictionary is unused."""
    cause: str | None = None
    """Why it failed, or had to be tried again."""
    is_built: bool = False
    """Whether there was a network to measure."""
    may_pass: bool = False
    """Whether it failed for a reason that another try need not meet."""

    @property
    def accuracy(self) -> float | None:
        """Best validation accuracy reached, a fraction."""
        return max((record.accuracy for record in self.history), default=None)

    @property
    def peer(self) -> Peer | None:
        """What later candidates are compared with, if it ended its training."""
        if self.state != COMPLETE or self.latency is None:
            return None
        return Peer(self.latency.median_ms, tuple(record.accuracy for record in self.history))


def try_candidate(
    architecture: Architecture,
    problem: Problem,
    *,
    seed: int,
    peers: Sequence[Peer] = (),
    on_epoch: Callable[[EpochRecord], None] | None = None,
) -> Outcome:
    """Measure a candidate, then train it if it meets the budget.

    Whatever goes wrong inside costs this candidate alone: the cause is in the outcome.

    Args:
        architecture: The candidate.
        problem: What is searched.
        seed: Seed of its initialisation and of the order of its data.
        peers: Earlier candidates, for stopping it early.
        on_epoch: Told after every epoch.
    """
    outcome = Outcome()
    try:
        _judge(architecture, problem, outcome, seed=seed)
        if outcome.state == COMPLETE:
            _train(architecture, problem, outcome, seed=seed, peers=peers, on_epoch=on_epoch)
    except Exception as error:  # noqa: BLE001 -- a candidate may fail in any way; the search goes on
        outcome.state = FAILED
        outcome.cause = cause_of(error)
        outcome.may_pass = _may_pass(error, is_built=outcome.is_built)
        _free_memory()
    return outcome


def cause_of(error: BaseException) -> str:
    """Name what went wrong in a few words."""
    text = " ".join(str(error).split())
    if is_memory_short(error):
        return "out of memory"
    if isinstance(error, DivergedError):
        return f"diverged: {text}"
    return f"{type(error).__name__}: {text}"[:300]


def _may_pass(error: Exception, *, is_built: bool) -> bool:
    """Tell whether another try may end otherwise: what only the candidate and its seed decide comes again."""
    return is_memory_short(error) or (is_built and not isinstance(error, ConfigError | DivergedError))


def _judge(architecture: Architecture, problem: Problem, outcome: Outcome, *, seed: int) -> None:
    started = perf_counter()
    model = build(architecture, seed=seed)
    outcome.is_built = True
    outcome.latency = problem.meter.measure(model, problem.example, budget=problem.budget)
    outcome.verdict = outcome.latency.verdict(problem.budget)
    outcome.state = {"meets": COMPLETE, "fails": OVER_BUDGET}.get(outcome.verdict, UNDECIDED)
    outcome.measure_seconds = perf_counter() - started


def _train(
    architecture: Architecture,
    problem: Problem,
    outcome: Outcome,
    *,
    seed: int,
    peers: Sequence[Peer],
    on_epoch: Callable[[EpochRecord], None] | None,
) -> None:
    latency_ms = outcome.latency.median_ms if outcome.latency else 0.0
    is_stopped, is_front = STOPPING[problem.config.stopping], len(problem.config.objectives) > 1

    def watch(record: EpochRecord) -> bool:
        outcome.history.append(record)
        if on_epoch is not None:
            on_epoch(record)
        accuracies = [record.accuracy for record in outcome.history]
        is_last = record.epoch >= problem.recipe.epochs
        if not is_last and is_stopped(Standing(accuracies, peers, latency_ms, is_front)):
            outcome.state = PRUNED
        return outcome.state == PRUNED

    started = perf_counter()
    try:
        model = build(architecture, seed=seed)
        fitted = fit(model, problem.data, problem.recipe, device=problem.device, seed=seed, on_epoch=watch)
        outcome.health = fitted.health
    finally:
        outcome.train_seconds = perf_counter() - started


def build(architecture: Architecture, *, seed: int) -> nn.Module:
    """Build a network whose initial weights depend on the seed alone; the global generator is left alone."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return architecture.build()


def _free_memory() -> None:
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


def describe(architecture: Architecture) -> dict[str, Any]:
    """Return the columns of the trials frame that the architecture alone decides."""
    costs = _costs(architecture)
    return {
        "architecture": str(architecture),
        "fingerprint": architecture.fingerprint,
        "blocks": " ".join(architecture.blocks),
        "head": architecture.head_name,
        "parameters": costs.parameters if costs else None,
        "macs": costs.macs if costs else None,
        "memory_mib": costs.activation_mib if costs else None,
    }


def _costs(architecture: Architecture) -> Costs | None:
    try:
        return architecture.costs()
    except Exception:  # noqa: BLE001 -- a block may fail in any way; the trial will tell how
        return None
