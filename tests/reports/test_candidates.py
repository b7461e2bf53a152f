"""One row a candidate and setting."""

from pathlib import Path

import pytest

from millinet.frames import CANDIDATES, LATENCY
from millinet.statistics import wilson_interval
from reports import compare
from tests.reports.generated import NUM_VALIDATION, Plan, make_run


def test_winners_trials_and_the_unpruned_are_all_there(tmp_path: Path) -> None:
    frame = CANDIDATES.check(compare([make_run(tmp_path / "run")])["candidates"])

    assert frame["kind"].value_counts().to_dict() == {"trial": 24, "winner": 2, "before": 2}


def test_a_trial_has_the_wilson_interval_of_its_validation_images(tmp_path: Path) -> None:
    frame = compare([make_run(tmp_path / "run")])["candidates"]

    row = frame[(frame["kind"] == "trial") & frame["accuracy"].notna()].iloc[0]

    bounds = wilson_interval(round(row["accuracy"] * NUM_VALIDATION), NUM_VALIDATION)
    assert (row["accuracy_low"], row["accuracy_high"]) == pytest.approx((bounds.low, bounds.high))


def test_no_candidate_of_the_front_is_beaten_in_both(tmp_path: Path) -> None:
    frame = compare([make_run(tmp_path / "run", Plan(num_trials=80))])["candidates"]
    trials = frame[(frame["kind"] == "trial") & frame["accuracy"].notna()]

    front = trials[trials["is_front"].astype(bool)]

    assert len(front) > 1
    for row in front.itertuples():
        beaten = (trials["latency_ms"] < row.latency_ms) & (trials["accuracy"] >= row.accuracy)
        assert not beaten.any()


def test_a_model_timed_at_two_batch_sizes_has_two_rows(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", Plan(num_trials=3))
    known = LATENCY.read(run / "latency.csv").iloc[0].to_dict()
    rows = [known | {"model": "torchvision:resnet18", "batch": batch, "fingerprint": ""} for batch in (1, 8)]
    LATENCY.write(LATENCY.frame(rows), run / "latency.csv")

    frame = compare([run])["candidates"]

    profiled = frame[frame["kind"] == "profile"]
    assert list(profiled["candidate"]) == ["torchvision:resnet18"] * 2
    assert list(profiled["batch"]) == [1, 8]


def test_own_measurements_and_probes_are_no_extra_candidates(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", Plan(num_trials=3))
    known = LATENCY.read(run / "latency.csv").iloc[0].to_dict()
    LATENCY.write(
        LATENCY.frame([known | {"model": "probe:1"}, known | {"model": "final:2"}]), run / "latency.csv"
    )

    assert set(compare([run])["candidates"]["kind"]) <= {"trial", "winner", "before"}


def test_memory_comes_from_the_measurement_of_the_same_network(tmp_path: Path) -> None:
    frame = compare([make_run(tmp_path / "run")])["candidates"]

    trials = frame[frame["kind"] == "trial"]
    assert (trials["memory_mib"] * 4e6).tolist() == pytest.approx(trials["macs"].tolist())
