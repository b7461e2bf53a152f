"""How far a search had come after each trial."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from millinet.frames import SEARCH, TRIALS
from millinet.statistics import hypervolume
from reports import compare
from reports.progress import RunningHypervolume
from tests.reports.generated import Plan, make_run

# A coarse grid, so that equal latencies and equal accuracies come up.
GRID = st.tuples(st.integers(0, 12), st.integers(0, 10))


@given(st.lists(GRID, max_size=40))
def test_adding_points_one_by_one_gives_the_hypervolume(points: list[tuple[int, int]]) -> None:
    area = RunningHypervolume(limit_ms=10.0)

    for latency, accuracy in points:
        area.add(latency, accuracy / 10)

    minimised = [(latency, 1 - accuracy / 10) for latency, accuracy in points]
    assert area.area == pytest.approx(hypervolume(minimised, (10.0, 1.0)))


def test_the_area_of_two_points_is_the_one_worked_out_by_hand() -> None:
    area = RunningHypervolume(limit_ms=4.0)

    area.add(1.0, 0.5)
    both = area.add(2.0, 0.9)

    assert both == pytest.approx(1 * 0.5 + 2 * 0.9)


def test_a_run_is_followed_in_the_order_its_trials_were_started(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run")
    trials = TRIALS.read(run / "trials.csv")
    TRIALS.write(trials.iloc[::-1].reset_index(drop=True), run / "trials.csv")

    frame = SEARCH.check(compare([run])["search"])

    assert list(frame["trial"]) == list(range(24))
    assert frame["best_accuracy"].dropna().is_monotonic_increasing
    assert frame["hypervolume"].is_monotonic_increasing
    assert frame["seconds"].is_monotonic_increasing


def test_a_candidate_over_the_budget_does_not_raise_the_best(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", Plan(num_trials=1))
    row = TRIALS.read(run / "trials.csv").iloc[0].to_dict() | {
        "verdict": "fails",
        "accuracy": 0.9,
        "latency_ms": 9.0,
    }
    TRIALS.write(TRIALS.frame([row]), run / "trials.csv")

    frame = compare([run])["search"]

    assert frame["best_accuracy"].isna().all()
    assert list(frame["share_within"]) == [0.0]


def test_runs_of_one_device_share_the_rectangle(tmp_path: Path) -> None:
    runs = [make_run(tmp_path / "a"), make_run(tmp_path / "b", Plan(name="b", limit_ms=0.9))]

    assert set(compare(runs)["search"]["limit_ms"]) == {0.9}
