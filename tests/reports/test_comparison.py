"""Differences and ratios with intervals, and the words they allow."""

from pathlib import Path

import pandas as pd
import pytest

from millinet.errors import UnknownNameError
from millinet.frames import COMPARISON, PREDICTIONS
from millinet.statistics import Interval, wilson_interval
from reports import compare
from reports.comparison import difference_interval, phi_coefficient, ratio_interval
from tests.reports.generated import Plan, make_run


def test_the_difference_of_two_shares_is_newcombes_worked_example() -> None:
    bounds = difference_interval(wilson_interval(56, 70), wilson_interval(48, 80))

    assert bounds.estimate == pytest.approx(0.2)
    assert bounds.low == pytest.approx(0.0524, abs=5e-5)
    assert bounds.high == pytest.approx(0.3339, abs=5e-5)


def test_being_right_on_the_same_images_narrows_the_difference() -> None:
    first, second = wilson_interval(90, 100), wilson_interval(85, 100)

    alone, paired = difference_interval(first, second), difference_interval(first, second, correlation=0.8)

    assert paired.high - paired.low < 0.7 * (alone.high - alone.low)


def test_exact_values_have_an_exact_ratio() -> None:
    assert ratio_interval(Interval(3.0, 3.0, 3.0), Interval(2.0, 2.0, 2.0)) == pytest.approx((1.5, 1.5, 1.5))


def test_a_ratio_against_an_exact_value_scales_the_interval() -> None:
    bounds = ratio_interval(Interval(2.0, 1.8, 2.4), Interval(4.0, 4.0, 4.0))

    assert bounds == pytest.approx((0.5, 0.45, 0.6))


def answers(*, both: int, first: int, second: int, neither: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Make the predictions of two networks: how many images both, one of them or neither got right."""
    right = [(True, True)] * both + [(True, False)] * first + [(False, True)] * second
    right += [(False, False)] * neither
    one, other = (
        PREDICTIONS.frame({"label": 0, "predicted": 0 if pair[network] else 1} for pair in right)
        for network in (0, 1)
    )
    return one, other


def test_phi_is_the_one_worked_out_by_hand() -> None:
    # (14 * 22 - 5 * 0 - 41 / 2) / sqrt(19 * 22 * 14 * 27), the second term for continuity.
    found = phi_coefficient(*answers(both=14, first=5, second=0, neither=22))

    assert found == pytest.approx(287.5 / 158_004**0.5)


def test_a_weak_positive_phi_is_none_and_a_negative_one_is_not_corrected() -> None:
    weak = phi_coefficient(*answers(both=5, first=4, second=4, neither=4))
    negative = phi_coefficient(*answers(both=1, first=3, second=3, neither=1))

    assert weak == 0.0
    assert negative == pytest.approx(-0.5)


def test_a_network_that_is_always_right_correlates_with_none() -> None:
    assert phi_coefficient(*answers(both=8, first=2, second=0, neither=0)) == 0.0


def test_networks_judged_on_other_images_are_not_paired() -> None:
    one = PREDICTIONS.frame([{"label": 0, "predicted": 0}, {"label": 1, "predicted": 1}])
    other = PREDICTIONS.frame([{"label": 1, "predicted": 1}, {"label": 0, "predicted": 0}])

    assert phi_coefficient(one, other) is None


def test_kept_predictions_make_the_comparison_paired(tmp_path: Path) -> None:
    runs = [make_run(tmp_path / "a"), make_run(tmp_path / "b", Plan(name="other", seed=3, num_trials=60))]
    for run in runs:
        rows = [{"label": image % 10, "predicted": image % 10 if image % 25 else 0} for image in range(360)]
        PREDICTIONS.write(PREDICTIONS.frame(rows), run / "winners/1/predictions.csv")

    frame = compare(runs)["comparison"]

    paired = frame[frame["accuracy_paired"].fillna(value=False).astype(bool)]
    assert list(zip(paired["run"], paired["candidate"], paired["baseline"], strict=True)) == [
        ("other", "winner 1", "digits-tiny, winner 1")
    ]


@pytest.fixture
def two_runs(tmp_path: Path) -> list[Path]:
    return [make_run(tmp_path / "a"), make_run(tmp_path / "b", Plan(name="other", seed=3, num_trials=60))]


def test_pruned_winners_are_compared_with_themselves_before(two_runs: list[Path]) -> None:
    frame = COMPARISON.check(compare(two_runs)["comparison"])

    itself = frame[frame["baseline"] == "digits-tiny, winner 1 before pruning"].iloc[0]
    assert itself["latency_ratio"] == pytest.approx(0.7)
    assert itself["latency_says"] == "faster"
    assert itself["accuracy_says"] == "no difference"


@pytest.mark.parametrize(("baseline", "expected"), [("other", "winner 1"), ("other/2", "winner 2")])
def test_the_baseline_is_a_run_or_one_of_its_winners(
    baseline: str, expected: str, two_runs: list[Path]
) -> None:
    frame = compare(two_runs, baseline=baseline)["comparison"]

    assert f"other, {expected}" in set(frame["baseline"])


def test_an_unknown_baseline_is_refused_with_the_known_ones(two_runs: list[Path]) -> None:
    with pytest.raises(
        UnknownNameError, match="no baseline called 'othr'; known: digits-tiny, digits-tiny/1"
    ):
        compare(two_runs, baseline="othr")


def test_latencies_of_two_devices_are_not_compared(tmp_path: Path) -> None:
    runs = [make_run(tmp_path / "a"), make_run(tmp_path / "b", Plan(name="other", device="NVIDIA H200"))]

    row = compare(runs)["comparison"].query("run == 'other' and baseline == 'digits-tiny, winner 1'").iloc[0]

    assert pd.isna(row["latency_ratio"])
    assert row["note"] == "latency not compared: another device"
    assert pd.notna(row["accuracy_difference"])
