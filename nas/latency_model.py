"""Predict the latency of an architecture from those measured, as the gate of a search does.

The Gaussian process over choices, log-MACs and log-parameters that a search discards by (nas/promise.py), for
measurements of one's own. From 50 of them it ranks better than a ridge regression on the same facts
(benchmarks/latency_model.py).
"""

from collections.abc import Sequence
from typing import Final

import numpy as np
from scipy.special import ndtri

from millinet.errors import ConfigError
from millinet.statistics import Interval, check_confidence
from nas.encoding import Encoder
from nas.promise import LATENCY_PRIOR
from nas.surrogate import GaussianProcess
from nas.surrogate import Points as Encoded
from search_spaces import Architecture, Points, SearchSpace

LEAST: Final = 5
"""Fewest measurements a model is made from."""


class LatencyModel:
    """The latency of a space on one device and in one deployed form, learnt from measurements.

    Args:
        space: What the architectures are points of.
        architectures: Those measured, at least five.
        latencies_ms: Their latencies, in milliseconds.

    Raises:
        ConfigError: If they are too few, a latency is not positive and finite, or an architecture is no point
            of the space.
    """

    def __init__(
        self, space: SearchSpace, architectures: Sequence[Architecture], latencies_ms: Sequence[float]
    ) -> None:
        if len(architectures) != len(latencies_ms) or len(architectures) < LEAST:
            raise ConfigError(
                f"a latency model needs at least {LEAST} measured architectures, got {len(architectures)} "
                f"architectures and {len(latencies_ms)} latencies; measure more first"
            )
        targets = np.asarray(latencies_ms, dtype=float)
        if not (np.isfinite(targets).all() and (targets > 0).all()):
            raise ConfigError("latencies must be positive and finite; leave out what could not be measured")
        self._space, self._points, self._encoder = space, Points(space), Encoder()
        for point in map(self._locate, architectures):
            self._encoder.learn(self._points.choices(point))
        known = self._encode(architectures)
        deviation = known.features.std(axis=0)
        self._centre, self._scale = known.features.mean(axis=0), np.where(deviation > 0.0, deviation, 1.0)
        self._process = GaussianProcess(LATENCY_PRIOR)
        self._process.learn(self._scaled(known), self._encoder.layout, np.log(targets))

    def predict(self, architectures: Sequence[Architecture], *, confidence: float = 0.9) -> list[Interval]:
        """Predict latencies in milliseconds, each with an interval for what a measurement would give.

        Args:
            architectures: Points of the space; what was never measured is predicted from the rest.
            confidence: Chance that the measured value lies in its interval, a fraction.

        Raises:
            ConfigError: If an architecture is no point of the space.
        """
        check_confidence(confidence)
        means, deviations = self._process.predict(self._scaled(self._encode(architectures)))
        halves = ndtri(0.5 + confidence / 2) * np.hypot(deviations, self._process.noise)
        bounds = np.exp([means, means - halves, means + halves]).T
        return [Interval(*three) for three in bounds.tolist()]

    def _locate(self, architecture: Architecture) -> tuple[int, ...]:
        return self._points.locate(self._space.params(architecture))

    def _encode(self, architectures: Sequence[Architecture]) -> Encoded:
        points = [self._locate(architecture) for architecture in architectures]
        bits = self._encoder.encode([(point, self._points.choices(point)) for point in points])
        return Encoded(bits, np.array([self._points.log_costs(point) for point in points]))

    def _scaled(self, encoded: Encoded) -> Encoded:
        return encoded._replace(features=(encoded.features - self._centre) / self._scale)
