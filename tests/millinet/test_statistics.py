from math import exp, log

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from millinet.errors import ConfigError
from millinet.statistics import (
    hypervolume,
    mean_interval,
    order_statistic_interval,
    paired_ratio,
    pareto_front,
    robust_centre,
    serial_widening,
    wilson_interval,
)

SHARES = st.integers(1, 500).flatmap(lambda total: st.tuples(st.integers(0, total), st.just(total)))
POINTS = st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), min_size=1, max_size=12)


def test_the_mean_of_three_values_has_the_t_interval_worked_out_by_hand() -> None:
    interval = mean_interval([1.0, 2.0, 3.0])

    assert interval.estimate == 2.0
    assert interval.high - 2.0 == pytest.approx(4.302653 / 3**0.5)
    assert 2.0 - interval.low == pytest.approx(4.302653 / 3**0.5)


def test_one_wild_value_leaves_the_robust_centre_and_its_error_alone() -> None:
    assert robust_centre([1.0, 2.0, 3.0, 4.0, 5.0]) == robust_centre([1.0, 2.0, 3.0, 4.0, 500.0])


def test_the_error_of_a_median_of_normal_values_is_as_large_as_it_says() -> None:
    samples = np.random.default_rng(0).standard_normal((4_000, 8))
    found = [robust_centre(sample) for sample in samples]

    said = np.mean([error for _, error in found])
    assert np.std([centre for centre, _ in found]) == pytest.approx(said, rel=0.15)


def test_values_that_resemble_their_neighbours_widen_the_error() -> None:
    rng = np.random.default_rng(0)
    independent = rng.standard_normal((400, 25))
    wandering = independent.copy()
    for step in range(1, 25):
        wandering[:, step] += 0.6 * wandering[:, step - 1]

    plain, wide = ([serial_widening(row) for row in rows] for rows in (independent, wandering))
    assert np.median(plain) < 1.15
    assert np.median(wide) == pytest.approx(2.0, rel=0.15)  # the root of 1.6 / 0.4


def test_few_values_say_nothing_of_their_resemblance() -> None:
    assert serial_widening([1.0, 2.0, 3.0, 4.0]) == 1.0


def test_drift_common_to_both_of_a_pair_cancels_in_their_ratio() -> None:
    pace = [1.0, 1.4, 0.7, 2.0]

    interval = paired_ratio([3.0 * value for value in pace], pace)

    assert interval == pytest.approx((3.0, 3.0, 3.0))


def test_a_ratio_is_the_geometric_mean() -> None:
    interval = paired_ratio([2.0, 8.0], [1.0, 1.0])

    assert interval.estimate == pytest.approx(exp((log(2) + log(8)) / 2))


@pytest.mark.parametrize(("tops", "bottoms"), [([1.0], [1.0, 2.0]), ([1.0, 0.0], [1.0, 1.0])])
def test_pairs_that_make_no_ratio_are_refused(tops: list[float], bottoms: list[float]) -> None:
    with pytest.raises(ConfigError):
        paired_ratio(tops, bottoms)


def test_p95_is_bounded_from_59_values_on_and_not_from_58() -> None:
    enough = order_statistic_interval(range(59), 0.95)
    few = order_statistic_interval(range(58), 0.95)

    assert enough.high == 58.0
    assert few.high is None
    assert few.estimate is None


def test_the_bounds_of_the_median_of_a_hundred_are_the_order_statistics_of_the_tables() -> None:
    # One-sided 95%: P(Binomial(100, 1/2) <= 41) = 0.0443 and P(... <= 58) = 0.9557.
    assert order_statistic_interval(range(100), 0.5) == (49.5, 41.0, 58.0)


def test_each_bound_of_a_quantile_holds_as_often_as_it_says() -> None:
    rng = np.random.default_rng(0)
    truth = log(20.0)  # 95th percentile of the unit exponential
    bounds = [order_statistic_interval(list(rng.exponential(size=150)), 0.95) for _ in range(2000)]

    over = np.mean([bound.high is not None and bound.high >= truth for bound in bounds])
    under = np.mean([bound.low is not None and bound.low <= truth for bound in bounds])

    assert over >= 0.94
    assert under >= 0.94


def test_an_accuracy_of_97_in_100_has_the_wilson_interval_of_the_textbook() -> None:
    assert wilson_interval(97, 100) == pytest.approx((0.97, 0.9155, 0.9897), abs=1e-4)


@given(SHARES)
def test_a_wilson_interval_holds_its_share_and_stays_within_zero_and_one(counts: tuple[int, int]) -> None:
    interval = wilson_interval(*counts)

    assert 0.0 <= interval.low <= interval.estimate <= interval.high <= 1.0


@pytest.mark.parametrize(("successes", "total"), [(1, 0), (-1, 5), (6, 5)])
def test_impossible_counts_are_refused(successes: int, total: int) -> None:
    with pytest.raises(ConfigError, match=f"got {successes} of {total}"):
        wilson_interval(successes, total)


@pytest.mark.parametrize("confidence", [0.0, 0.5, 1.0, 95.0, float("nan")])
def test_a_confidence_that_is_no_fraction_is_refused(confidence: float) -> None:
    with pytest.raises(ConfigError, match=r"95 percent is 0\.95"):
        wilson_interval(1, 2, confidence)


def test_the_front_keeps_what_nothing_dominates_and_the_first_of_equals() -> None:
    points = [(1, 5), (2, 3), (2, 3), (3, 4), (4, 1), (4, 2)]

    assert pareto_front(points) == [0, 1, 4]


def test_a_point_with_a_missing_value_is_on_no_front() -> None:
    assert pareto_front([(float("nan"), 0.0), (1.0, 1.0)]) == [1]


@given(POINTS)
def test_every_point_is_on_the_front_or_dominated_by_it(points: list[tuple[int, int]]) -> None:
    front = [points[index] for index in pareto_front(points)]

    assert all(any(a <= x and b <= y for a, b in front) for x, y in points)
    assert not any(a <= x and b <= y for a, b in front for x, y in front if (a, b) != (x, y))


def test_the_hypervolume_of_three_steps_is_the_area_drawn_by_hand() -> None:
    # Unit squares of a 3 by 3 board under the staircase: 1 + 2 + 3.
    assert hypervolume([(1, 3), (2, 2), (3, 1)], (4, 4)) == 6.0


def test_the_hypervolume_of_a_corner_in_three_dimensions_is_its_box() -> None:
    assert hypervolume([(1, 1, 1)], (2, 3, 4)) == 6.0


def test_points_beyond_the_reference_add_nothing() -> None:
    assert hypervolume([(5, 1), (1, 5)], (4, 4)) == 0.0


@given(POINTS)
def test_a_dominated_point_leaves_the_hypervolume_as_it_is(points: list[tuple[int, int]]) -> None:
    front = [points[index] for index in pareto_front(points)]

    assert hypervolume(points, (10, 10)) == pytest.approx(hypervolume(front, (10, 10)))
