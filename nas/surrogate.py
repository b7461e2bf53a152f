"""A Gaussian process over choices: what a search knows of accuracy and of latency.

The covariance of two points is a exp(-d) + c exp(-e |f - f'|^2). The first term is what points alike in
their choices say of each other: d is their distance choice by choice (nas/encoding.py), each choice with a
weight of its own (Hamming kernel; Ru et al., "Bayesian Optimisation over Multiple Continuous and Categorical
Inputs", 2020, eq. 6, with the automatic relevance determination of Rasmussen and Williams, 2006, section
5.1). Where all weights are small it comes near a sum over the choices. The second term is a trend over real
features such as log-MACs, which holds everywhere.

Hyper-parameters maximise the marginal likelihood with priors, by its gradient (Rasmussen and Williams, eq.
5.9). The weights are drawn together by their prior, so that few observations do not scatter them.
"""

from contextlib import suppress
from typing import Final, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_solve, cholesky, solve_triangular
from scipy.linalg.lapack import dpotri
from scipy.optimize import minimize

from nas.encoding import Bits, Layout

Floats = NDArray[np.float64]


class Points(NamedTuple):
    """Candidates as numbers."""

    bits: Bits
    """Choices, shape (n, bits), as `nas.encoding` writes them."""
    features: Floats
    """Real features, shape (n, features), on a common scale; may have no column."""


class Prior(NamedTuple):
    """Centre and deviation of the normal prior on the logarithms of the hyper-parameters."""

    local: tuple[float, float] = (0.0, 1.0)
    """Variance explained by the choices, of targets whose variance is 1."""
    choice: tuple[float, float] = (0.7, 0.7)
    """Distance between two random points, were all choices weighed alike."""
    trend: tuple[float, float] = (-0.4, 1.0)
    """Variance explained by the features."""
    feature: tuple[float, float] = (-1.2, 1.0)
    """Inverse squared length over the features."""
    noise: tuple[float, float] = (-3.0, 1.5)
    """Variance that nothing explains."""
    relevance_scale: float = 1.0
    """Deviation of a choice's weight from that of all."""

    @property
    def shared(self) -> tuple[tuple[float, float], ...]:
        """Centre and deviation of what all choices share."""
        return self.local, self.choice, self.trend, self.feature, self.noise


_NUM_SHARED: Final = len(Prior._fields) - 1
_FARTHEST: Final = 20.0
"""Deviations from the prior's centre beyond which the search for hyper-parameters has lost its way."""
_HOPELESS: Final = 1e10
_JITTERS: Final = (1e-8, 1e-6, 1e-4, 1e-2)
"""Variances added to the noise, each where rounding leaves a covariance indefinite with the one before."""


class GaussianProcess:
    """Regression on standardised targets; `tune` and `fit` learn, `predict` gives mean and deviation."""

    def __init__(self, prior: Prior | None = None) -> None:
        self._prior = prior or Prior()
        self._logs = _centres(self._prior)
        self._usual = 1.0

    def learn(self, points: Points, layout: Layout, targets: Floats) -> Self:
        """Tune by points and fit to them."""
        return self.tune(points, layout, targets).fit(points, layout, targets)

    def tune(self, points: Points, layout: Layout, targets: Floats, *, max_steps: int = 30) -> Self:
        """Choose the hyper-parameters by points with targets of shape (n,), from the prior's centre on."""
        points = _exact(points)
        # Points drawn at random are 1 apart while all weights are: spaces of few choices and of many share a
        # prior.
        frequency = points.bits.mean(axis=0)
        self._usual = max(float((2.0 * layout.share * frequency * (1.0 - frequency)).sum()), 1e-9)
        centred = (targets - targets.mean()) / (float(targets.std()) or 1.0)
        found = minimize(
            negative_log_posterior,
            start_of(self._prior, layout),
            args=(points, self._scaled(layout), centred, self._prior),
            jac=True,
            method="L-BFGS-B",
            options={"maxiter": max_steps},
        )
        self._logs = found.x
        return self

    def fit(self, points: Points, layout: Layout, targets: Floats) -> Self:
        """Learn from targets of shape (n,), with the hyper-parameters as they were tuned."""
        self._points, points = points, _exact(points)
        self._centre, self._scale = float(targets.mean()), float(targets.std()) or 1.0
        # A column that was not there when they were tuned weighs as much as the middle one.
        missing = _NUM_SHARED + layout.num_columns - len(self._logs)
        logs = np.concatenate([self._logs, np.zeros(max(missing, 0))])
        self._shared, self._weights = np.exp(logs[:_NUM_SHARED]), _weights(logs, self._scaled(layout))
        alike, common = _covariances(points, points, self._shared, self._weights)
        self._factor = _factored(alike + common, noise=float(self._shared[-1]))
        self._dual = cho_solve((self._factor, True), (targets - self._centre) / self._scale)
        return self

    def predict(self, points: Points) -> tuple[Floats, Floats]:
        """Return the mean and the standard deviation of the noiseless value, each of shape (n,)."""
        # Between points known and asked, single precision is enough, and twice as fast.
        alike, common = _covariances(points, self._points, self._shared, self._weights.astype(np.float32))
        cross = alike + common
        reduced = solve_triangular(self._factor, cross.T, lower=True, check_finite=False)
        local, _, trend, *_ = self._shared
        variance = local + trend - np.einsum("ij,ij->j", reduced, reduced)
        mean = self._centre + self._scale * (cross @ self._dual)
        return mean, self._scale * np.sqrt(np.maximum(variance, 1e-12))

    @property
    def noise(self) -> float:
        """Standard deviation of what the choices do not explain, in units of the targets."""
        return float(np.sqrt(self._shared[-1]) * self._scale)

    def _scaled(self, layout: Layout) -> Layout:
        return layout._replace(share=layout.share / self._usual)


def start_of(prior: Prior, layout: Layout) -> Floats:
    """Return the logarithms of the hyper-parameters at the prior's centre: the shared, then each column's."""
    return np.concatenate([_centres(prior), np.zeros(layout.num_columns)])


def negative_log_posterior(
    logs: Floats, points: Points, layout: Layout, targets: Floats, prior: Prior
) -> tuple[float, Floats]:
    """Return minus the log of the marginal likelihood times the prior, up to a constant, and its gradient.

    Args:
        logs: Logarithms of the hyper-parameters, as `start_of` lists them.
        points: What was observed, shape (n, ...).
        layout: What the bits belong to.
        targets: Standardised, shape (n,).
        prior: Prior on `logs`.
    """
    deviations = np.array([*(deviation for _, deviation in prior.shared), prior.relevance_scale])
    deviations = np.pad(deviations, (0, layout.num_columns - 1), mode="edge")
    offsets = (logs - start_of(prior, layout)) / deviations
    if np.abs(offsets).max() > _FARTHEST:
        return _HOPELESS, np.zeros_like(logs)
    shared, weights = np.exp(logs[:_NUM_SHARED]), _weights(logs, layout)
    alike, common = _covariances(points, points, shared, weights)
    try:
        factor = _cholesky(alike + common, noise=float(shared[-1]) + _JITTERS[0])
    except np.linalg.LinAlgError:
        return _HOPELESS, np.zeros_like(logs)
    dual = cho_solve((factor, True), targets)
    log_likelihood = -0.5 * targets @ dual - np.log(np.diag(factor)).sum()
    slope = np.outer(dual, dual) - _inverse(factor)
    by_alike, by_common = slope * alike, slope * common
    # Of each bit, the sum over all pairs that differ in it.
    differing = points.bits.T @ by_alike.sum(axis=1) - (points.bits * (by_alike @ points.bits)).sum(axis=0)
    by_column = -np.bincount(layout.column, weights * differing, minlength=layout.num_columns)
    by_shared = [
        0.5 * by_alike.sum(),
        by_column.sum(),
        0.5 * by_common.sum(),
        -0.5 * shared[3] * (by_common * _squared(points, points)).sum(),
        0.5 * shared[4] * np.trace(slope),
    ]
    gradient = np.concatenate([by_shared, by_column]) - offsets / deviations
    return float(0.5 * (offsets**2).sum() - log_likelihood), -gradient


def distance(left: Bits, right: Bits, weights: Floats) -> Floats:
    """Return the weighted number of bits that differ, shape (n, m)."""
    weighed = left * weights
    apart = weighed.sum(axis=1)[:, None] + (right @ weights)[None, :] - 2.0 * (weighed @ right.T)
    return np.maximum(apart, 0.0)


def _covariances(left: Points, right: Points, shared: Floats, weights: Floats) -> tuple[Floats, Floats]:
    local, _, trend, per_feature, _ = shared
    alike = local * np.exp(-distance(left.bits, right.bits, weights))
    return alike, trend * np.exp(-per_feature * _squared(left, right))


def _exact(points: Points) -> Points:
    """Return points in double precision, which a Cholesky factor needs."""
    return points._replace(bits=points.bits.astype(np.float64))


def _factored(covariance: Floats, *, noise: float) -> Floats:
    """Return the lower Cholesky factor; a latency without any noise needs more than the tuning left it."""
    *first, last = _JITTERS
    for jitter in first:
        with suppress(np.linalg.LinAlgError):
            return _cholesky(covariance, noise=noise + jitter)
    return _cholesky(covariance, noise=noise + last)


def _cholesky(covariance: Floats, *, noise: float) -> Floats:
    noisy = covariance.copy()
    noisy[np.diag_indices_from(noisy)] += noise
    return cholesky(noisy, lower=True, overwrite_a=True, check_finite=False)


def _centres(prior: Prior) -> Floats:
    return np.array([centre for centre, _ in prior.shared])


def _weights(logs: Floats, layout: Layout) -> Floats:
    return np.exp(logs[1] + logs[_NUM_SHARED:])[layout.column] * layout.share


def _squared(left: Points, right: Points) -> Floats:
    inner = left.features @ right.features.T
    squared = (left.features**2).sum(1)[:, None] + (right.features**2).sum(1)[None, :] - 2 * inner
    return np.maximum(squared, 0.0)


def _inverse(factor: Floats) -> Floats:
    """Return the inverse of the matrix whose lower Cholesky factor this is."""
    half, _ = dpotri(factor, lower=1)
    half = np.tril(half)
    return half + np.tril(half, -1).T
