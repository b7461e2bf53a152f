"""What the Gaussian processes know."""

import numpy as np
import pytest

from nas.surrogate import Agreement, GaussianProcess, Kernel, Points, Similarity, compare


def points(codes: list[list[int]]) -> Points:
    return Points(np.array(codes), np.zeros((len(codes), 0)))


def test_pairs_are_counted_by_hand() -> None:
    left = Points(np.array([[0, 1, 2]]), np.array([[1.0, 2.0]]))
    right = Points(np.array([[0, 1, 3], [1, -1, 3]]), np.array([[1.0, 0.0], [3.0, 1.0]]))

    pairs = compare(left, right)

    assert pairs.differing.tolist() == [[1.0, 3.0]]
    assert pairs.squared.tolist() == [[4.0, 5.0]]
    assert pairs.inner.tolist() == [[1.0, 5.0]]


@pytest.mark.parametrize("kernel", [Similarity(), Agreement()], ids=["similarity", "agreement"])
def test_a_kernel_is_positive_and_its_diagonal_is_its_own(kernel: Kernel) -> None:
    rng = np.random.default_rng(0)
    drawn = Points(rng.integers(-1, 3, (40, 6)), rng.normal(size=(40, 2)))

    covariance = kernel(compare(drawn, drawn), kernel.prior_mean)

    assert np.linalg.eigvalsh(covariance).min() > -1e-8
    np.testing.assert_allclose(np.diag(covariance), kernel.diagonal(drawn, kernel.prior_mean), rtol=1e-9)


def test_an_additive_latency_is_learnt_from_few_and_extrapolated() -> None:
    rng = np.random.default_rng(1)
    parts = rng.uniform(0.5, 2.0, (5, 4))
    codes = rng.integers(0, 4, (260, 5))
    log_latency = np.log(parts[np.arange(5), codes].sum(axis=1))
    known, unknown = slice(0, 60), slice(60, None)

    model = GaussianProcess(Agreement()).fit(points(codes[known].tolist()), log_latency[known])
    mean, deviation = model.predict(points(codes[unknown].tolist()))

    errors = mean - log_latency[unknown]
    assert np.abs(errors).mean() < 0.03
    inside = np.abs(errors) <= 1.96 * np.hypot(deviation, model.noise)
    assert inside.mean() > 0.85


def test_uncertainty_grows_with_the_distance_from_what_is_known() -> None:
    model = GaussianProcess(Similarity()).fit(
        points([[0, 0, 0], [0, 0, 1], [1, 0, 0]]), np.array([0.0, 1.0, 2.0])
    )

    _, deviation = model.predict(points([[0, 0, 0], [0, 1, 0], [2, 2, 2]]))

    assert deviation[0] < deviation[1] < deviation[2]


def test_equal_targets_do_not_divide_by_zero() -> None:
    model = GaussianProcess(Similarity()).fit(points([[0], [1], [2]]), np.ones(3))

    mean, deviation = model.predict(points([[0], [5]]))

    np.testing.assert_allclose(mean, 1.0)
    assert np.isfinite(deviation).all()
