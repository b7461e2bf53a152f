"""Predict the latency of a candidate from those measured, so that a search can discard before it builds.

Log-latency as a sum over choices: ridge regression on one-hot choices, alone and in pairs of one position,
with MACs and parameters beside them, themselves and their logarithms, where they are known. Additive models
need the fewest measurements: on a public table 50 gave a Spearman correlation of 0.95 to 0.99, where trees
reached 0.46 to 0.70.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from math import ceil, exp, log
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from sklearn.feature_extraction import DictVectorizer
from sklearn.linear_model import RidgeCV

from millinet.errors import ConfigError
from millinet.statistics import Interval, check_confidence

LEAST: Final = 5
"""Fewest measurements a model is made from."""
_ALPHAS: Final = np.logspace(-3, 2, 11)
# Chosen on 120 candidates of the preset `tiny`: without the sizes themselves Spearman fell from 0.94 to 0.89.
_PAIR_WEIGHT: Final = 0.3
_LOG_SIZE_WEIGHT: Final = 3.0

Floats = NDArray[np.float64]
Point = Mapping[str, Any]
"""A candidate's choices by name, as `SearchSpace.params` gives them; its position stands before a dot."""


@dataclass(frozen=True, slots=True)
class LatencyModel:
    """A fitted model; `fit_latency_model` makes one."""

    _vectorizer: DictVectorizer
    _typical: tuple[float, ...]
    _ridge: RidgeCV
    _left_out: Floats
    """Absolute errors of log-latency, each measurement predicted from the others, ascending."""

    def predict(
        self, points: Sequence[Point], *, sizes: Sequence[Sequence[float]] = (), confidence: float = 0.9
    ) -> list[Interval]:
        """Predict latencies in milliseconds, each with an interval for the candidate's measured value.

        Args:
            points: Candidates as choices.
            sizes: As given to the fit; MACs and parameters of each point, for example.
            confidence: Chance that a measured value lies in its interval, a fraction.

        Raises:
            ConfigError: If the sizes are not those of the points.
        """
        check_confidence(confidence)
        centres = self._ridge.predict(self._vectorizer.transform(_features(points, sizes, self._typical)))
        half = _conformal(self._left_out, confidence)
        return [Interval(exp(centre), exp(centre - half), exp(centre + half)) for centre in centres]

    @property
    def typical_error(self) -> float:
        """Median error of a prediction, as a fraction, each measurement predicted from the others."""
        return exp(float(np.median(self._left_out))) - 1.0


def fit_latency_model(
    points: Sequence[Point], latencies_ms: Sequence[float], *, sizes: Sequence[Sequence[float]] = ()
) -> LatencyModel:
    """Fit a model to measured latencies; takes milliseconds for hundreds of them.

    Args:
        points: Candidates as choices, at least five.
        latencies_ms: Their measured latencies, in milliseconds.
        sizes: Positive numbers that grow with latency, such as (macs, parameters), for each point; or none.

    Raises:
        ConfigError: If there are too few points, or a latency is not positive and finite.
    """
    if len(points) != len(latencies_ms) or len(points) < LEAST:
        raise ConfigError(
            f"a latency model needs at least {LEAST} measured candidates, got {len(points)} candidates and "
            f"{len(latencies_ms)} latencies; measure more first"
        )
    targets = np.asarray(latencies_ms, dtype=float)
    if not (np.isfinite(targets).all() and (targets > 0).all()):
        raise ConfigError("latencies must be positive and finite; leave out what could not be measured")
    vectorizer = DictVectorizer(sparse=False)
    typical = tuple(np.mean(np.asarray(sizes, dtype=float), axis=0)) if len(sizes) else ()
    rows = vectorizer.fit_transform(_features(points, sizes, typical))
    ridge = RidgeCV(alphas=_ALPHAS, store_cv_results=True).fit(rows, np.log(targets))
    best = int(np.argmin(np.abs(_ALPHAS - ridge.alpha_)))
    return LatencyModel(vectorizer, typical, ridge, np.sort(np.sqrt(ridge.cv_results_[:, best])))


def _features(
    points: Sequence[Point], sizes: Sequence[Sequence[float]], typical: Sequence[float]
) -> list[dict[str, float]]:
    if len(sizes) != (len(points) if typical else 0):
        raise ConfigError(
            f"sizes go with every point if with any, as in the fit; got {len(sizes)} of {len(points)}"
        )
    rows = []
    for index, point in enumerate(points):
        row = {f"{name}={value}": 1.0 for name, value in point.items()}
        for (name, value), (other, its) in combinations(sorted(point.items()), 2):
            if name.partition(".")[0] == other.partition(".")[0]:
                row[f"{name}={value}&{other}={its}"] = _PAIR_WEIGHT
        for number, size in enumerate(sizes[index] if sizes else ()):
            row[f"log size {number}"] = _LOG_SIZE_WEIGHT * log(size)
            row[f"size {number}"] = size / typical[number]
        rows.append(row)
    return rows


def _conformal(errors: Floats, confidence: float) -> float:
    """Return the error that a further one stays under with the given chance.

    Source: Barber et al., "Predictive inference with the jackknife+", 2021; their plain jackknife.
    """
    rank = ceil(confidence * (len(errors) + 1))
    # Too few errors to say: double the largest rather than promise it.
    return float(errors[rank - 1]) if rank <= len(errors) else 2.0 * float(errors[-1])
