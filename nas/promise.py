"""How promising a candidate is: what it may improve, times the probability that it meets the budget.

Two Gaussian processes learn from everything observed. The promise is the logarithm of the expected
improvement of the log-regret (Jones et al., 1998, eq. 15) plus that of the probability that the latency meets
the budget (Gardner et al., "Bayesian Optimization with Inequality Constraints", 2014, eq. 3). Latency is
learnt from every measurement, trained or not, so the gate closes long before the accuracy is understood.
"""

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from functools import partial
from statistics import median
from typing import Final

import numpy as np
from scipy.special import erfcx, ndtr

from nas.encoding import Encoder
from nas.observation import Description, Observation
from nas.surrogate import Floats, GaussianProcess, Points, Prior, distance

Value = Callable[[Sequence[Description]], Floats]
"""Values candidates, shape (n,); higher promises more."""

LATENCY_PRIOR: Final = Prior(
    local=(0.0, 1.5), choice=(-0.7, 1.5), trend=(1.0, 1.5), feature=(-2.0, 1.0), noise=(-4.0, 1.5)
)
"""Latency is smooth: nearly a sum over the parts, and it follows the multiply-adds."""
LOSS_PRIOR: Final = Prior()
_REFUSED: Final = -1e9
_MOST_REMEMBERED: Final = 200_000
"""Candidates known to hold no value that was not met before; looked at again once they are more."""


@dataclass(frozen=True, kw_only=True, slots=True)
class PromiseConfig:
    """How bold the judgement of candidates is, and how much work goes into it."""

    num_startup: int = 12
    """Trained candidates chosen for their spread before the surrogate of accuracy is asked."""
    min_probability: float = 0.3
    """A candidate less likely than this to meet the budget is refused while likelier ones are known.

    Low on purpose: accuracy grows with latency, so the best lies at the edge of the budget, where the gate is
    unsure.
    """
    allowed_misses: float = 0.05
    """Fraction of the latest proposals that may be over the budget before the probability counts for more."""
    caution: float = 40.0
    """What the weight of that probability grows by, from 1 on, for all the latest over the budget."""
    num_watched: int = 20
    """How many proposals the latest are."""
    num_likely: int = 20
    """Likeliest candidates of a pool, let through whatever their probability."""
    regret_offset: float = 0.5
    """Median regrets added to each regret before its logarithm is taken.

    With a tenth of that the best stands so far apart that what is unsure outweighs what is good.
    """
    min_measured: int = 8
    """Measured latencies before the gate predicts."""
    max_modelled: int = 400
    """Observations a surrogate learns from, the best or the latest; bounds its cubic cost."""
    max_tuned: int = 200
    """Observations its hyper-parameters are chosen by."""
    tune_growth: float = 0.1
    """Growth of the observations, a fraction, after which they are chosen anew."""


class Promise:
    """Judges candidates of one search; keeps its surrogates between calls.

    What it answers depends on the observations alone, not on what it was asked before: hyper-parameters are
    chosen at set numbers of observations, by those alone.

    Args:
        log_limit: Logarithm of the budget in ms.
        config: Boldness and effort.
    """

    def __init__(self, *, log_limit: float, config: PromiseConfig | None = None) -> None:
        self._log_limit = log_limit
        self.config = config or PromiseConfig()
        self._encoder = Encoder()
        self._learnt: set[Hashable] = set()
        self._latency, self._loss = GaussianProcess(LATENCY_PRIOR), GaussianProcess(LOSS_PRIOR)
        self._tuned_at: dict[int, int] = {}

    def learn(
        self, observed: Sequence[Observation], pool: Sequence[Description], rng: np.random.Generator
    ) -> Value:
        """Learn from what was observed; return what values the candidates of a pool, and others like them."""
        seen = [observation.description for observation in observed]
        self._learn_choices([*seen, *pool])
        self._scale = _feature_scale([*seen, *pool])
        probability = self._gate([one for one in observed if one.log_latency is not None])
        likeliest = np.sort(probability(self._points(pool)))[-self.config.num_likely :]
        threshold = min(self.config.min_probability, float(likeliest[0]))
        weight = self._weight(observed)
        trained = [one for one in observed if one.loss is not None]
        is_starting = len(trained) < self.config.num_startup
        worth = self._spread(seen, rng) if is_starting else self._improvement(trained)

        def value(descriptions: Sequence[Description]) -> Floats:
            points = self._points(descriptions)
            likely = probability(points)
            # Without the threshold a large improvement buys its way past a gate that says no.
            passing = np.flatnonzero(likely >= threshold)
            promised = _REFUSED + likely
            among = Points(points.bits[passing], points.features[passing])
            promised[passing] = worth(among) + weight * np.log(np.maximum(likely[passing], 1e-300))
            return promised

        return value

    def _weight(self, observed: Sequence[Observation]) -> float:
        """Return how much the probability of meeting the budget counts: more, the more of the latest did not.

        A weight gives way where nothing likely promises much any more; a higher threshold would not.
        """
        proposed = (one for one in reversed(observed) if one.is_proposed)
        measured = (one.log_latency + one.doubt for one in proposed if one.log_latency is not None)
        latest = [upper for upper, _ in zip(measured, range(self.config.num_watched), strict=False)]
        misses = sum(upper > self._log_limit for upper in latest) / self.config.num_watched
        return 1.0 + self.config.caution * max(0.0, misses - self.config.allowed_misses)

    def _gate(self, measured: Sequence[Observation]) -> Callable[[Points], Floats]:
        """Return what tells the probability of meeting the budget; one half while too little was measured.

        To meet it a whole interval has to lie inside, so what the machine's noise has of late added to
        intervals is kept as a distance.
        """
        if len(measured) < self.config.min_measured:
            return lambda points: np.full(len(points.bits), 0.5)
        self._fit(self._latency, measured, _latencies)
        reach = self._log_limit - median(one.doubt for one in measured[-self.config.num_watched :])

        def probability(points: Points) -> Floats:
            mean, deviation = self._latency.predict(points)
            return ndtr((reach - mean) / np.hypot(deviation, self._latency.noise))

        return probability

    def _improvement(self, trained: Sequence[Observation]) -> Callable[[Points], Floats]:
        """Return what tells the logarithm of the expected improvement."""
        read = partial(_log_regrets, offset=self.config.regret_offset)
        best = float(self._fit(self._loss, trained, read).min())

        def improvement(points: Points) -> Floats:
            mean, deviation = self._loss.predict(points)
            return np.log(deviation) + _log_improvement((best - mean) / deviation)

        return improvement

    def _spread(self, seen: Sequence[Description], rng: np.random.Generator) -> Callable[[Points], Floats]:
        """Return what tells the logarithm of the distance to the nearest candidate seen."""
        share = self._encoder.layout.share
        known = self._points(seen).bits if seen else np.full((1, len(share)), 0.5)

        def spread(points: Points) -> Floats:
            apart = distance(points.bits, known, share).min(axis=1)
            return np.log(apart + 1e-3 * rng.random(len(apart)) + 1e-9)

        return spread

    def _fit(
        self,
        model: GaussianProcess,
        known: Sequence[Observation],
        read: Callable[[Sequence[Observation], int], tuple[Sequence[Observation], Floats]],
    ) -> Floats:
        """Fit a surrogate and return its targets."""
        layout = self._encoder.layout
        due = _due(len(known), self.config.tune_growth)
        if due != self._tuned_at.get(id(model)):
            kept, targets = read(known[:due], self.config.max_tuned)
            model.tune(self._points([one.description for one in kept]), layout, targets)
            self._tuned_at[id(model)] = due
        kept, targets = read(known, self.config.max_modelled)
        model.fit(self._points([one.description for one in kept]), layout, targets)
        return targets

    def _learn_choices(self, descriptions: Sequence[Description]) -> None:
        if len(self._learnt) > _MOST_REMEMBERED:
            self._learnt.clear()
        for description in descriptions:
            if description.key not in self._learnt:
                self._learnt.add(description.key)
                self._encoder.learn(description.choices)

    def _points(self, descriptions: Sequence[Description]) -> Points:
        bits = self._encoder.encode([(one.key, one.choices) for one in descriptions])
        return Points(bits, (_features(descriptions) - self._scale[0]) / self._scale[1])


def _due(count: int, growth: float) -> int:
    """Return the largest number up to `count` at which hyper-parameters are chosen."""
    due = min(count, 4)
    while (grown := max(due + 1, int(due * (1.0 + growth)))) <= count:
        due = grown
    return due


def _latencies(measured: Sequence[Observation], most: int) -> tuple[Sequence[Observation], Floats]:
    kept = measured[-most:]
    return kept, np.array([observation.log_latency for observation in kept])


def _log_regrets(
    trained: Sequence[Observation], most: int, *, offset: float
) -> tuple[Sequence[Observation], Floats]:
    """Return log(regret + offset * median): what separates the good counts, the bad are all far."""
    kept = sorted(trained, key=lambda observation: observation.loss or 0.0)[:most]
    losses = np.array([observation.loss for observation in kept])
    regrets = losses - losses.min()
    return kept, np.log(regrets + max(offset * float(np.quantile(regrets, 0.5)), 1e-6))


def _log_improvement(gain: Floats) -> Floats:
    """Return log(density(gain) + gain * distribution(gain)) of the standard normal, without underflow."""
    # Mills' ratio keeps the difference exact where both terms vanish (Ament et al., "Unexpected Improvements
    # to Expected Improvement", 2023, eq. 9); beyond -100 the ratio itself loses it, and its limit is taken.
    near = np.maximum(gain, -100.0)
    ratio = 1.0 + near * np.sqrt(np.pi / 2) * erfcx(-near / np.sqrt(2))
    tail = np.where(gain > -100.0, np.log(np.maximum(ratio, 1e-5)), -2.0 * np.log(np.abs(gain) + 1e-9))
    small = -0.5 * gain**2 - 0.5 * np.log(2 * np.pi) + tail
    plain = np.exp(-0.5 * near**2) / np.sqrt(2 * np.pi) + near * ndtr(near)
    return np.where(gain > -1.0, np.log(np.maximum(plain, 1e-300)), small)


def _features(descriptions: Sequence[Description]) -> Floats:
    features = np.array([description.features for description in descriptions], dtype=float)
    return features.reshape(len(descriptions), -1)


def _feature_scale(descriptions: Sequence[Description]) -> Floats:
    """Return centre and deviation of each feature, shape (2, features)."""
    features = _features(descriptions)
    deviation = features.std(axis=0)
    return np.stack([features.mean(axis=0), np.where(deviation > 1e-9, deviation, 1.0)])
