"""A second look at the most promising candidates, by evidence too dear to be had of them all.

What a candidate says of itself untrained costs tens of milliseconds, and a proposal looks at a thousand: only
the few that promise most are asked. Among them the promise is judged anew, by a surrogate of accuracy given
the same evidence of every candidate trained so far. Evidence is a feature and never the verdict: how much it
says is learnt from what it said before.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from math import inf
from typing import Generic, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from nas.observation import Description, Observation
from nas.promise import Promise, PromiseConfig

C = TypeVar("C")

Score = Callable[[C], tuple[float, ...] | None]
"""Evidence of a candidate, one finite number a proxy; None where there is none."""


class Shortlisted(NamedTuple, Generic[C]):
    """A candidate that may be chosen."""

    itself: C
    description: Description
    value: float
    """What it promises without evidence; higher promises more."""


class SecondLook(Generic[C]):
    """Chooses among the most promising candidates of one search.

    Args:
        score: Tells the evidence of a candidate.
        promise: How candidates are judged without it.
    """

    def __init__(self, score: Score[C], promise: PromiseConfig) -> None:
        self._score = score
        self._min_trained = promise.num_startup
        # The budget was judged already, by a surrogate that knows more latencies than have evidence.
        self._promise: Promise = Promise(log_limit=inf, config=replace(promise, num_startup=0))

    def choose(
        self, shortlist: Sequence[Shortlisted[C]], observed: Sequence[Observation], rng: np.random.Generator
    ) -> C:
        """Return the candidate that promises most, all told; without enough to learn from, the first.

        Args:
            shortlist: The most promising, best first.
            observed: Everything known of any candidate.
            rng: Source of randomness.
        """
        trained = [one for one in observed if one.loss is not None and one.evidence]
        if len(trained) < self._min_trained:
            return shortlist[0].itself
        asked = [(one, self._score(one.itself)) for one in shortlist]
        scored = [(one, told) for one, told in asked if told]
        if not scored:
            return shortlist[0].itself
        scores = common_scale([*(one.evidence for one in trained), *(told for _, told in scored)]).tolist()
        known = [
            Observation(_with(one.description, added), loss=one.loss)
            for one, added in zip(trained, scores, strict=False)
        ]
        compared = [
            _with(one.description, added)
            for (one, _), added in zip(scored, scores[len(trained) :], strict=True)
        ]
        promised = self._promise.learn(known, compared, rng)(compared)
        best = int(np.argmax(promised + [one.value for one, _ in scored]))
        return scored[best][0].itself


def _with(description: Description, scores: Sequence[float]) -> Description:
    return description._replace(features=(*description.features, *scores))


def common_scale(evidence: Sequence[Sequence[float]]) -> NDArray[np.float64]:
    """Bring every proxy to median 0 and the deviation of its middle half, within 3 of it, shape (n, proxies).

    Some proxies fall by orders of magnitude for a network that computes next to nothing.
    """
    scores = np.array(evidence, dtype=float)
    low, middle, high = np.quantile(scores, [0.25, 0.5, 0.75], axis=0)
    # A normal distribution has 1.35 deviations between its quartiles.
    deviation = np.maximum((high - low) / 1.35, 1e-9)
    return np.clip((scores - middle) / deviation, -3.0, 3.0)
