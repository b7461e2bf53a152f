"""Gaussian processes over categorical choices: what a search knows of accuracy and of latency.

A point is a row of integer codes, one column a choice, with -1 where the choice is inactive, and a row of
real features such as log-MACs. Two kernels share one process:

- `Similarity`, for accuracy: a exp(-b d) + c exp(-e |f - f'|^2), where d counts the choices that differ: what
  points that are alike say of each other (Hamming kernel; Ru et al., "Bayesian Optimisation over Multiple
  Continuous and Categorical Inputs", 2020, eq. 6), and a trend over the features that holds everywhere.
- `Agreement`, for log-latency: 1 + a s + b s^2 + c f.f' + e exp(-d), where s is the share of choices that
  agree. The first terms are ridge regression on one-hot choices with their pairs, in its dual form: the time
  of a network is nearly the sum of its parts' times, and the pairs carry what the parts cost each other. The
  last holds what is special to a neighbourhood.

Hyper-parameters maximise the marginal likelihood with weak priors (Rasmussen and Williams, 2006, eq. 5.8).
"""

from typing import NamedTuple, Protocol, Self

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_solve, cholesky, solve_triangular
from scipy.optimize import minimize

Floats = NDArray[np.float64]
Codes = NDArray[np.int64]


class Points(NamedTuple):
    """Candidates as numbers."""

    codes: Codes
    """Choices, shape (n, choices); -1 is inactive."""
    features: Floats
    """Real features, shape (n, features), on a common scale; may have no column."""


class Pairs(NamedTuple):
    """What a kernel needs of each pair of points, computed once for every hyper-parameter tried."""

    differing: Floats
    """Choices that differ, shape (n, m)."""
    squared: Floats
    """Squared distance of the features, shape (n, m)."""
    inner: Floats
    """Inner product of the features, shape (n, m)."""
    num_choices: int


def compare(left: Points, right: Points) -> Pairs:
    """Compare every point on the left with every point on the right."""
    differing = np.zeros((len(left.codes), len(right.codes)))
    for column in range(left.codes.shape[1]):
        differing += left.codes[:, column, None] != right.codes[None, :, column]
    inner = left.features @ right.features.T
    squared = (left.features**2).sum(1)[:, None] + (right.features**2).sum(1)[None, :] - 2 * inner
    return Pairs(differing, np.maximum(squared, 0.0), inner, max(left.codes.shape[1], 1))


class Kernel(Protocol):
    """A covariance with positive hyper-parameters, given by their logarithms."""

    prior_mean: Floats
    """Centre of the normal prior on each logarithm."""
    prior_scale: Floats
    """Its standard deviation."""

    def __call__(self, pairs: Pairs, logs: Floats) -> Floats:
        """Return the covariance of each pair, shape (n, m)."""
        ...

    def diagonal(self, points: Points, logs: Floats) -> Floats:
        """Return each point's covariance with itself, shape (n,)."""
        ...


class Similarity:
    """a exp(-b d) + c exp(-e |f - f'|^2): what is alike in its choices, and a trend over the features."""

    prior_mean = np.log(np.array([0.7, 0.3, 0.7, 0.3]))
    prior_scale = np.array([0.7, 1.0, 1.0, 1.0])

    def __call__(self, pairs: Pairs, logs: Floats) -> Floats:
        """Return the covariance of each pair, shape (n, m)."""
        local, per_choice, trend, per_feature = np.exp(logs)
        return local * np.exp(-per_choice * pairs.differing) + trend * np.exp(-per_feature * pairs.squared)

    def diagonal(self, points: Points, logs: Floats) -> Floats:
        """Return each point's covariance with itself, shape (n,)."""
        return np.full(len(points.codes), np.exp(logs[0]) + np.exp(logs[2]))


class Agreement:
    """1 + a s + b s^2 + c f.f' + e exp(-d), with s the share of choices that agree and d how many differ."""

    prior_mean = np.log(np.array([3.0, 1.0, 1.0, 0.1]))
    prior_scale = np.array([1.5, 1.5, 1.5, 1.5])

    def __call__(self, pairs: Pairs, logs: Floats) -> Floats:
        """Return the covariance of each pair, shape (n, m)."""
        single, paired, linear, local = np.exp(logs)
        share = 1.0 - pairs.differing / pairs.num_choices
        smooth = 1.0 + single * share + paired * share**2 + linear * pairs.inner
        return smooth + local * np.exp(-pairs.differing)

    def diagonal(self, points: Points, logs: Floats) -> Floats:
        """Return each point's covariance with itself, shape (n,)."""
        single, paired, linear, local = np.exp(logs)
        return 1.0 + single + paired + local + linear * (points.features**2).sum(1)


_NOISE_PRIOR = (np.log(0.05), 1.5)
_JITTER = 1e-8


class GaussianProcess:
    """Regression on standardised targets; `fit` learns, `predict` answers with a mean and a deviation."""

    def __init__(self, kernel: Kernel) -> None:
        self.kernel = kernel
        self._logs = np.append(kernel.prior_mean, _NOISE_PRIOR[0])

    def fit(self, points: Points, targets: Floats, *, is_tuned: bool = True) -> Self:
        """Learn from targets of shape (n,); with `is_tuned` false the last hyper-parameters are kept."""
        self._points = points
        self._centre, self._scale = float(targets.mean()), float(targets.std()) or 1.0
        self._targets = (targets - self._centre) / self._scale
        pairs = compare(points, points)
        if is_tuned and len(targets) > 2:
            found = minimize(
                self._cost, self._logs, args=(pairs,), method="L-BFGS-B", options={"maxiter": 30}
            )
            self._logs = found.x
        self._factor = cholesky(self._covariance(pairs, self._logs), lower=True)
        self._weights = cho_solve((self._factor, True), self._targets)
        return self

    def predict(self, points: Points) -> tuple[Floats, Floats]:
        """Return the mean and the standard deviation of the noiseless value, each of shape (n,)."""
        cross = self.kernel(compare(points, self._points), self._logs[:-1])
        mean = cross @ self._weights
        reduced = solve_triangular(self._factor, cross.T, lower=True)
        variance = self.kernel.diagonal(points, self._logs[:-1]) - (reduced**2).sum(0)
        return self._centre + self._scale * mean, self._scale * np.sqrt(np.maximum(variance, 1e-12))

    @property
    def noise(self) -> float:
        """Standard deviation of what the choices do not explain, in units of the targets."""
        return float(np.exp(0.5 * self._logs[-1]) * self._scale)

    def _covariance(self, pairs: Pairs, logs: Floats) -> Floats:
        covariance = self.kernel(pairs, logs[:-1])
        covariance[np.diag_indices_from(covariance)] += np.exp(logs[-1]) + _JITTER
        return covariance

    def _cost(self, logs: Floats, pairs: Pairs) -> float:
        """Return minus the log of the marginal likelihood times the prior, up to a constant."""
        try:
            factor = cholesky(self._covariance(pairs, logs), lower=True)
        except np.linalg.LinAlgError:
            return 1e10
        weights = cho_solve((factor, True), self._targets)
        likelihood = -0.5 * self._targets @ weights - np.log(np.diag(factor)).sum()
        offsets = (logs - np.append(self.kernel.prior_mean, _NOISE_PRIOR[0])) / np.append(
            self.kernel.prior_scale, _NOISE_PRIOR[1]
        )
        return float(0.5 * (offsets**2).sum() - likelihood)
