"""Choose the next candidate: predicted to meet the budget, never seen before, and the most promising.

A candidate is anything with a `Description`. The pool holds random candidates and the one- and two-edit
neighbours of the best; from the most promising of it the search climbs on, edit by edit.
"""

from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Generic, NamedTuple, TypeVar

import numpy as np

from millinet.errors import InfeasibleBudgetError
from nas.observation import Description, Observation
from nas.promise import Promise, PromiseConfig
from nas.second_look import SecondLook, Shortlisted

C = TypeVar("C")


@dataclass(frozen=True, kw_only=True, slots=True)
class ProposalConfig:
    """How many candidates a proposal looks at."""

    num_random: int = 600
    """Random candidates in the pool at first: what is far from all that is known is found among them."""
    min_random: int = 150
    """What that falls to as more is known."""
    num_early: int = 50
    """Trained candidates from which on it falls, in inverse proportion to them."""
    num_parents: int = 10
    """Best candidates whose neighbours join the pool."""
    num_edits: int = 16
    """Neighbours of one and of two edits, each, a parent."""
    num_climbs: int = 4
    """How often the most promising found so far are edited again."""
    num_climbers: int = 5
    """How many those are."""
    num_climb_edits: int = 12
    """Neighbours of each."""
    num_shortlisted: int = 16
    """Most promising candidates whose evidence is looked at, where there is any."""


class SpaceExhaustedError(InfeasibleBudgetError):
    """The space holds no candidate that was not proposed already."""


class Candidate(NamedTuple, Generic[C]):
    """A candidate with its description."""

    itself: C
    description: Description


class Proposer(Generic[C]):
    """Proposes candidates for one search.

    A proposal depends on the history and on its random numbers alone.

    Args:
        draw: Draws a random candidate.
        edit: Draws a neighbour of a candidate, one choice changed.
        describe: Describes a candidate.
        log_limit: Logarithm of the budget in ms.
        config: How many candidates are looked at.
        promise: How they are judged.
    """

    def __init__(
        self,
        *,
        draw: Callable[[np.random.Generator], C],
        edit: Callable[[C, np.random.Generator], C],
        describe: Callable[[C], Description],
        log_limit: float,
        config: ProposalConfig | None = None,
        promise: PromiseConfig | None = None,
    ) -> None:
        self._draw, self._edit, self._describe = draw, edit, describe
        self.config = config or ProposalConfig()
        self._promise = Promise(log_limit=log_limit, config=promise)

    def propose(
        self,
        history: Sequence[tuple[C, Observation]],
        rng: np.random.Generator,
        *,
        second_look: SecondLook[C] | None = None,
    ) -> C:
        """Return the next candidate.

        Args:
            history: Everything known of any candidate: proposed, pending, or only measured.
            rng: Source of randomness.
            second_look: Chooses among the most promising; None takes the first.

        Raises:
            SpaceExhaustedError: If no candidate is left that was not proposed.
        """
        observed = [observation for _, observation in history]
        is_fresh = _freshness(observed)

        def fresh(candidates: Iterable[C]) -> dict[Hashable, Candidate[C]]:
            described = (Candidate(candidate, self._describe(candidate)) for candidate in candidates)
            return {one.description.key: one for one in described if is_fresh(one.description)}

        pool = fresh(self._candidates(history, rng))
        # Where nearly everything was seen, look once around each candidate before giving up.
        pool = pool or fresh(self._edit(candidate, rng) for candidate, _ in history)
        if not pool:
            num_proposed = sum(observation.is_proposed for observation in observed)
            raise SpaceExhaustedError(
                f"all {num_proposed} candidates of the space that were found have been proposed; "
                f"enlarge the space or ask for fewer trials"
            )
        value = self._promise.learn(observed, [one.description for one in pool.values()], rng)
        values: dict[Hashable, float] = {}
        found = pool
        for climb in range(self.config.num_climbs + 1):
            promised = value([one.description for one in found.values()])
            values |= dict(zip(found, promised.tolist(), strict=True))
            if climb < self.config.num_climbs:
                near = fresh(self._around([pool[key].itself for key in self._highest(values)], rng))
                found = {key: one for key, one in near.items() if key not in pool}
                pool |= found
            if not found:
                break
        if second_look is None:
            return pool[max(values, key=values.__getitem__)].itself
        highest = sorted(values, key=values.__getitem__, reverse=True)[: self.config.num_shortlisted]
        shortlist = [Shortlisted(*pool[key], values[key]) for key in highest]
        return second_look.choose(shortlist, observed, rng)

    def _highest(self, values: dict[Hashable, float]) -> list[Hashable]:
        return sorted(values, key=values.__getitem__)[-self.config.num_climbers :]

    def _around(self, climbers: Sequence[C], rng: np.random.Generator) -> Iterator[C]:
        return (self._edit(one, rng) for one in climbers for _ in range(self.config.num_climb_edits))

    def _candidates(self, history: Sequence[tuple[C, Observation]], rng: np.random.Generator) -> Iterator[C]:
        for parent in self._best(history):
            for _ in range(self.config.num_edits):
                once = self._edit(parent, rng)
                yield once
                yield self._edit(once, rng)
        yield from (candidate for candidate, observation in history if not observation.is_proposed)
        yield from (self._draw(rng) for _ in range(self._num_random(history)))

    def _best(self, history: Sequence[tuple[C, Observation]]) -> list[C]:
        trained = [(obs.loss, index) for index, (_, obs) in enumerate(history) if obs.loss is not None]
        return [history[index][0] for _, index in sorted(trained)[: self.config.num_parents]]

    def _num_random(self, history: Sequence[tuple[C, Observation]]) -> int:
        num_trained = sum(observation.loss is not None for _, observation in history)
        fewer = self.config.num_random * self.config.num_early // max(num_trained, self.config.num_early)
        return max(min(self.config.min_random, self.config.num_random), fewer)


def _freshness(observed: Sequence[Observation]) -> Callable[[Description], bool]:
    """Return what tells a candidate that was not proposed, and whose function was not trained."""
    taken = {observation.description.key for observation in observed if observation.is_proposed}
    learnt = {obs.description.function for obs in observed if obs.loss is not None} - {None}
    return lambda one: one.key not in taken and one.function not in learnt
