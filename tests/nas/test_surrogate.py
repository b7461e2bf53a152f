"""What the Gaussian process knows."""

import numpy as np
import pytest

from nas.encoding import Encoder
from nas.surrogate import Floats, GaussianProcess, Points, Prior, distance, negative_log_posterior, start_of


def learnt(codes: list[list[str]]) -> Encoder:
    encoder = Encoder()
    for row in codes:
        encoder.learn(named(row))
    return encoder


def named(row: list[str]) -> dict[str, str]:
    return {str(place): value for place, value in enumerate(row) if value != "-"}


def points(encoder: Encoder, codes: list[list[str]], features: Floats | None = None) -> Points:
    bits = encoder.encode([(tuple(row), named(row)) for row in codes])
    return Points(bits, np.zeros((len(codes), 0)) if features is None else features)


def drawn(rng: np.random.Generator, count: int, num_choices: int, values: str = "-abc") -> list[list[str]]:
    return rng.choice(list(values), (count, num_choices)).tolist()


def test_distance_is_counted_by_hand() -> None:
    left, right = np.array([[1.0, 0.0, 1.0]]), np.array([[1.0, 1.0, 0.0], [1.0, 0.0, 1.0]])

    assert distance(left, right, np.array([5.0, 2.0, 0.5])).tolist() == [[2.5, 0.0]]


def test_the_gradient_is_that_of_the_likelihood() -> None:
    rng = np.random.default_rng(0)
    codes = drawn(rng, 24, 4)
    encoder = learnt(codes)
    known = points(encoder, codes, rng.normal(size=(24, 2)))
    targets = rng.normal(size=24)
    logs = start_of(Prior(), encoder.layout) + 0.3 * rng.normal(size=5 + encoder.layout.num_columns)

    def cost(at: Floats) -> tuple[float, Floats]:
        return negative_log_posterior(at, known, encoder.layout, targets, Prior())

    _, gradient = cost(logs)

    steps = 1e-5 * np.eye(len(logs))
    numeric = [(cost(logs + step)[0] - cost(logs - step)[0]) / 2e-5 for step in steps]
    np.testing.assert_allclose(gradient, numeric, rtol=1e-5, atol=1e-6)


def test_an_additive_latency_is_learnt_from_few_and_extrapolated() -> None:
    rng = np.random.default_rng(1)
    parts = rng.uniform(0.5, 2.0, (5, 4))
    codes = rng.integers(0, 4, (260, 5))
    log_latency = np.log(parts[np.arange(5), codes].sum(axis=1))
    texts = codes.astype(str).tolist()
    encoder = learnt(texts)
    known, unknown = slice(0, 60), slice(60, None)

    model = GaussianProcess().learn(points(encoder, texts[known]), encoder.layout, log_latency[known])
    mean, deviation = model.predict(points(encoder, texts[unknown]))

    errors = mean - log_latency[unknown]
    assert np.abs(errors).mean() < 0.03
    inside = np.abs(errors) <= 1.96 * np.hypot(deviation, model.noise)
    assert inside.mean() > 0.85


def test_a_choice_that_does_not_matter_is_weighed_less() -> None:
    rng = np.random.default_rng(2)
    codes = drawn(rng, 60, 3, "abc")
    encoder = learnt(codes)
    targets = np.array([float(ord(row[0]) - ord("a")) for row in codes])

    model = GaussianProcess().learn(points(encoder, codes), encoder.layout, targets)

    mean, _ = model.predict(points(encoder, [["a", "a", "a"], ["a", "c", "b"], ["c", "a", "a"]]))
    assert abs(mean[0] - mean[1]) < 0.1 < 1.5 < mean[2] - mean[0]


def test_uncertainty_grows_with_the_distance_from_what_is_known() -> None:
    codes = [["a", "a", "a"], ["a", "a", "b"], ["b", "a", "a"]]
    asked = [["a", "a", "a"], ["a", "b", "a"], ["c", "c", "c"]]
    encoder = learnt(codes + asked)
    model = GaussianProcess().learn(points(encoder, codes), encoder.layout, np.array([0.0, 1.0, 2.0]))

    _, deviation = model.predict(points(encoder, asked))

    assert deviation[0] < deviation[1] < deviation[2]


def test_equal_targets_do_not_divide_by_zero() -> None:
    codes = [["a"], ["b"], ["c"]]
    encoder = learnt(codes)
    model = GaussianProcess().learn(points(encoder, codes), encoder.layout, np.ones(3))

    mean, deviation = model.predict(points(encoder, [["a"], ["z"]]))

    np.testing.assert_allclose(mean, 1.0)
    assert np.isfinite(deviation).all()


@pytest.mark.parametrize("count", [1, 2])
def test_one_or_two_points_are_enough(count: int) -> None:
    codes = [["a", "b"], ["b", "a"]][:count]
    encoder = learnt(codes)
    targets = np.arange(count, dtype=float)

    mean, deviation = (
        GaussianProcess()
        .learn(points(encoder, codes), encoder.layout, targets)
        .predict(points(encoder, codes))
    )

    assert np.isfinite(mean).all()
    assert np.isfinite(deviation).all()


def test_points_that_rounding_makes_dependent_are_fitted_all_the_same() -> None:
    rng = np.random.default_rng(0)
    codes = drawn(rng, 300, 3)
    encoder = learnt(codes)
    noiseless = Prior(trend=(20.0, 1.0), noise=(-40.0, 1.0))
    known = points(encoder, codes, features=rng.normal(size=(300, 2)))
    targets = known.features.sum(axis=1)

    mean, _ = GaussianProcess(noiseless).fit(known, encoder.layout, targets).predict(known)

    np.testing.assert_allclose(mean, targets, atol=0.1)


def test_a_wild_step_of_the_tuning_is_refused_before_it_overflows() -> None:
    codes = drawn(np.random.default_rng(0), 10, 3)
    encoder = learnt(codes)
    wild = start_of(Prior(), encoder.layout) + 800.0

    cost, slope = negative_log_posterior(wild, points(encoder, codes), encoder.layout, np.zeros(10), Prior())

    assert cost == 1e10
    assert not slope.any()
