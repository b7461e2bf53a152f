"""Choose the next candidate: predicted to meet the budget, never seen before, and promising.

A candidate is anything with a `Description`. The pool holds random candidates and the one- and two-edit
neighbours of the best; each is scored by the expected improvement of the log-regret (Jones et al., 1998,
eq. 15) times the probability that its latency meets the budget (Gardner et al., "Bayesian Optimization with
Inequality Constraints", 2014, eq. 3). Latency is learnt from every measurement, trained or not, so the gate
closes long before the accuracy is understood.
"""

from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, NamedTuple, TypeVar

import numpy as np
from scipy.special import ndtr

from millinet.errors import InfeasibleBudgetError
from nas.surrogate import Agreement, Floats, GaussianProcess, Points, Similarity, compare

C = TypeVar("C")


_MOST_REMEMBERED = 200_000
"""Candidates known to hold no value that was not met before; looked at again once they are more."""


class Description(NamedTuple):
    """What the surrogates see of a candidate."""

    key: Hashable
    """Equal for candidates that are the same network."""
    choices: Mapping[str, Hashable]
    """The active choices by name; a name that is absent is inactive."""
    features: tuple[float, ...]
    """Cheap evidence such as log-MACs, finite, in any scale."""
    function: Hashable = None
    """Equal for networks that compute the same function, where the space can tell; training one is enough."""


class Observation(NamedTuple):
    """What is known of a candidate so far."""

    description: Description
    log_latency: float | None = None
    """Logarithm of its measured latency in ms; None while it is only proposed."""
    loss: float | None = None
    """What the search minimises; None where it was not trained."""
    is_proposed: bool = True
    """Whether it was a candidate; False where it was only measured to learn the latency of the space."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ProposalConfig:
    """How much effort a proposal takes, and how bold it is."""

    num_startup: int = 12
    """Trained candidates chosen for their spread before the surrogate of accuracy is asked."""
    num_random: int = 600
    """Random candidates in the pool."""
    num_parents: int = 10
    """Best candidates whose neighbours join the pool."""
    num_edits: int = 24
    """Neighbours of one and of two edits, each, a parent."""
    min_probability: float = 0.3
    """A candidate less likely than this to meet the budget is not proposed while likelier ones are known.

    Low on purpose: accuracy grows with latency, so the best lies at the edge of the budget, where the gate is
    unsure.
    """
    min_measured: int = 8
    """Measured latencies before the gate predicts."""
    max_modelled: int = 400
    """Observations a surrogate learns from, the best and the latest first; bounds its cubic cost."""
    tune_growth: float = 0.1
    """Growth of the observations, a fraction, after which a surrogate tunes its hyper-parameters again."""


class SpaceExhaustedError(InfeasibleBudgetError):
    """The space holds no candidate that was not proposed already."""


class Proposer(Generic[C]):
    """Proposes candidates for one search; keeps its surrogates between calls.

    Args:
        draw: Draws a random candidate.
        edit: Draws a neighbour of a candidate, one choice changed.
        describe: Describes a candidate.
        log_limit: Logarithm of the budget in ms.
        config: Effort and boldness.
    """

    def __init__(
        self,
        *,
        draw: Callable[[np.random.Generator], C],
        edit: Callable[[C, np.random.Generator], C],
        describe: Callable[[C], Description],
        log_limit: float,
        config: ProposalConfig | None = None,
    ) -> None:
        self._draw, self._edit, self._describe = draw, edit, describe
        self._log_limit = log_limit
        self.config = config or ProposalConfig()
        self._latency = GaussianProcess(Agreement())
        self._loss = GaussianProcess(Similarity())
        self._columns: dict[str, dict[Hashable, int]] = {}
        self._learnt: set[Hashable] = set()
        self._tuned_at = {"latency": 0, "loss": 0}

    def propose(self, history: Sequence[tuple[C, Observation]], rng: np.random.Generator) -> C:
        """Return the next candidate.

        Args:
            history: Everything known of any candidate: proposed, pending, or only measured.
            rng: Source of randomness.

        Raises:
            SpaceExhaustedError: If no candidate is left that was not proposed.
        """
        pool = self._pool(history, rng)
        described = [self._describe(candidate) for candidate in pool]
        seen = [observation.description for _, observation in history]
        scale = _feature_scale([*seen, *described])
        self._learn_columns([*seen, *described])
        points = self._encode(described, scale)
        feasible = self.probability_of_meeting(history, points, scale)
        trained = [observation for _, observation in history if observation.loss is not None]
        if len(trained) < self.config.num_startup:
            score = self._spread(points, seen, scale) * feasible * self._gate(feasible)
            score = score + 1e-3 * rng.random(len(score))
        else:
            # Without the threshold a large improvement buys its way past a gate that says no.
            passing = np.flatnonzero(self._gate(feasible))
            among = Points(points.codes[passing], points.features[passing])
            gain = self._improvement(trained, among, scale) * feasible[passing]
            score = np.full(len(pool), -np.inf)
            score[passing] = np.log(gain + 1e-300)
        return pool[int(np.argmax(score))]

    def probability_of_meeting(
        self, history: Sequence[tuple[C, Observation]], points: Points, scale: Floats
    ) -> Floats:
        """Return each point's probability of meeting the budget; one half while too little was measured."""
        measured = [obs for _, obs in history if obs.log_latency is not None][-self.config.max_modelled :]
        if len(measured) < self.config.min_measured:
            return np.full(len(points.codes), 0.5)
        targets = np.array([observation.log_latency for observation in measured])
        self._fit("latency", self._latency, measured, targets, scale)
        mean, deviation = self._latency.predict(points)
        return ndtr((self._log_limit - mean) / np.hypot(deviation, self._latency.noise))

    def _improvement(self, trained: Sequence[Observation], points: Points, scale: Floats) -> Floats:
        kept = sorted(trained, key=lambda observation: observation.loss or 0.0)[: self.config.max_modelled]
        losses = np.array([observation.loss for observation in kept])
        targets = _log_regret(losses)
        self._fit("loss", self._loss, kept, targets, scale)
        mean, deviation = self._loss.predict(points)
        gain = (targets.min() - mean) / deviation
        density = np.exp(-0.5 * gain**2) / np.sqrt(2 * np.pi)
        return deviation * (gain * ndtr(gain) + density)

    def _fit(
        self, name: str, model: GaussianProcess, kept: Sequence[Observation], targets: Floats, scale: Floats
    ) -> None:
        is_due = len(kept) >= self._tuned_at[name] * (1.0 + self.config.tune_growth)
        model.fit(self._encode([obs.description for obs in kept], scale), targets, is_tuned=is_due)
        if is_due:
            self._tuned_at[name] = len(kept)

    def _gate(self, feasible: Floats) -> Floats:
        """Return 1 for the candidates likely to meet the budget, or for the likeliest tenth where none is."""
        threshold = min(self.config.min_probability, float(np.quantile(feasible, 0.9)))
        return (feasible >= threshold).astype(float)

    def _spread(self, points: Points, seen: Sequence[Description], scale: Floats) -> Floats:
        """Return each point's distance to the nearest candidate seen, in choices; 1 where none was."""
        if not seen:
            return np.ones(len(points.codes))
        return compare(points, self._encode(list(seen), scale)).differing.min(axis=1)

    def _pool(self, history: Sequence[tuple[C, Observation]], rng: np.random.Generator) -> list[C]:
        taken = {observation.description.key for _, observation in history if observation.is_proposed}
        learnt = {obs.description.function for _, obs in history if obs.loss is not None} - {None}
        near = (self._edit(candidate, rng) for candidate, _ in history)
        # Where nearly everything was seen, look once around each candidate before giving up.
        for candidates in (self._candidates(history, rng), near):
            described = ((self._describe(candidate), candidate) for candidate in candidates)
            pool = {
                description.key: candidate
                for description, candidate in described
                if description.key not in taken and description.function not in learnt
            }
            if pool:
                return list(pool.values())
        raise SpaceExhaustedError(
            f"all {len(taken)} candidates of the space that were found have been proposed; "
            f"enlarge the space or ask for fewer trials"
        )

    def _candidates(self, history: Sequence[tuple[C, Observation]], rng: np.random.Generator) -> Iterator[C]:
        for parent in self._best(history):
            for _ in range(self.config.num_edits):
                once = self._edit(parent, rng)
                yield once
                yield self._edit(once, rng)
        yield from (candidate for candidate, observation in history if not observation.is_proposed)
        yield from (self._draw(rng) for _ in range(self.config.num_random))

    def _best(self, history: Sequence[tuple[C, Observation]]) -> list[C]:
        trained = [(obs.loss, index) for index, (_, obs) in enumerate(history) if obs.loss is not None]
        return [history[index][0] for _, index in sorted(trained)[: self.config.num_parents]]

    def _learn_columns(self, descriptions: Sequence[Description]) -> None:
        if len(self._learnt) > _MOST_REMEMBERED:
            self._learnt.clear()
        for description in descriptions:
            if description.key in self._learnt:
                continue
            self._learnt.add(description.key)
            for name, value in description.choices.items():
                column = self._columns.setdefault(name, {})
                column.setdefault(value, len(column))

    def _encode(self, descriptions: Sequence[Description], scale: Floats) -> Points:
        codes = np.full((len(descriptions), len(self._columns)), -1, dtype=np.int64)
        for place, (name, column) in enumerate(self._columns.items()):
            for row, description in enumerate(descriptions):
                if name in description.choices:
                    codes[row, place] = column[description.choices[name]]
        features = np.array([description.features for description in descriptions], dtype=float)
        features = features.reshape(len(descriptions), -1)
        return Points(codes, (features - scale[0]) / scale[1])


def _log_regret(losses: Floats) -> Floats:
    """Return log(loss - best + offset): what separates the good ones counts, the bad ones are all far."""
    spread = float(np.quantile(losses, 0.5) - losses.min())
    offset = max(0.05 * spread, 1e-6)
    return np.log(losses - losses.min() + offset)


def _feature_scale(descriptions: Sequence[Description]) -> Floats:
    """Return centre and deviation of each feature, shape (2, features)."""
    features = np.array([description.features for description in descriptions], dtype=float)
    features = features.reshape(len(descriptions), -1)
    deviation = features.std(axis=0)
    return np.stack([features.mean(axis=0), np.where(deviation > 1e-9, deviation, 1.0)])
