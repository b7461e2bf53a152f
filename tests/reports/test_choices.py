"""Which choices of a space mattered."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from millinet.frames import CHOICES, TRIALS
from reports import compare
from reports.choices import ANY_STAGE, importance
from tests.reports.generated import Plan, make_run


def test_importance_is_the_epsilon_squared_worked_out_by_hand() -> None:
    target = pd.Series([1.0, 3.0, 5.0, 7.0])
    option = pd.Series(["a", "a", "b", "b"])

    # Total 20 over 3 degrees, within 4 over 2 degrees: 1 - 2 / (20 / 3).
    assert importance(target, option) == pytest.approx(0.7)


def test_a_choice_that_decides_everything_has_importance_one() -> None:
    option = pd.Series(list("aabbcc"))

    assert importance(option.map({"a": 1.0, "b": 5.0, "c": 2.0}), option) == pytest.approx(1.0)


def test_a_choice_that_does_nothing_has_none_however_many_options_it_has() -> None:
    rng = np.random.default_rng(0)
    shares = [
        importance(pd.Series(rng.normal(size=60)), pd.Series(rng.integers(0, 12, size=60)))
        for _ in range(200)
    ]

    # Without the correction for 12 options the mean would be 11 / 59 = 0.19.
    assert np.mean(shares) < 0.06


def test_the_choice_that_made_the_accuracy_comes_first(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", Plan(num_trials=60))
    trials = TRIALS.read(run / "trials.csv")
    rng = np.random.default_rng(0)
    taken = [{"s0.width": int(rng.choice([8, 16])), "head": str(rng.choice(["a", "b"]))} for _ in range(60)]
    trials["params"] = pd.array([json.dumps(point) for point in taken], dtype="str")
    trials["accuracy"] = [0.9 + 0.05 * (point["s0.width"] == 16) + rng.normal(0, 0.005) for point in taken]
    TRIALS.write(trials, run / "trials.csv")

    frame = CHOICES.check(compare([run])["choices"]).query("target == 'accuracy'")

    shares = frame.groupby("choice")["importance"].first()
    assert shares["s0.width"] > 0.9
    assert shares["head"] < 0.1


def test_options_of_numbers_come_in_their_order_with_counts_that_add_up(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", Plan(num_trials=80))

    rows = compare([run])["choices"].query("choice == 's0.width' and target == 'latency'")

    assert list(rows["option"]) == ["8", "16", "24", "32"]
    assert rows["num_trials"].sum() == 80


def test_stages_are_pooled_so_that_each_counts_once(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", Plan(num_trials=80))

    rows = compare([run])["choices"]
    pooled = rows[(rows["choice"] == f"{ANY_STAGE}block") & (rows["target"] == "latency")]

    assert set(pooled["option"]) == {"basic", "bottleneck", "inverted"}
    assert pooled["num_trials"].sum() == 3 * 80


def test_continuous_choices_are_cut_into_quarters(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", Plan(num_trials=40))
    trials = TRIALS.read(run / "trials.csv")
    trials["params"] = pd.array([json.dumps({"dropout": i / 40}) for i in range(40)], dtype="str")
    TRIALS.write(trials, run / "trials.csv")

    rows = compare([run])["choices"].query("target == 'latency'")

    assert list(rows["num_trials"]) == [10, 10, 10, 10]


@pytest.mark.parametrize("params", ["not JSON", "[1, 2]", ""])
def test_params_that_cannot_be_read_are_left_out(params: str, tmp_path: Path) -> None:
    run = make_run(tmp_path / "run")
    trials = TRIALS.read(run / "trials.csv")
    trials["params"] = pd.array([params] * len(trials), dtype="str")
    TRIALS.write(trials, run / "trials.csv")

    assert len(compare([run])["choices"]) == 0
