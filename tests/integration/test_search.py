"""A search as a user starts it: on real digits, interrupted, resumed, refused."""

import json
import os
import shutil
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from millinet.errors import ConfigChangedError, ConfigError, InfeasibleBudgetError, RunFolderError
from millinet.frames import HISTORY, LATENCY, TRIALS
from millinet.models import load_model
from millinet.runs import RunFolder
from nas import Conditions, SearchConfig, SearchResult, search

SMALL = SearchConfig(num_trials=3, num_winners=1, num_probes=8, final_recipe="quick", num_final_seeds=2)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    return search("tiny", "digits", "1s", out=tmp_path_factory.mktemp("runs") / "digits", config=SMALL).run


def test_the_frames_and_the_ledger_agree(run: RunFolder) -> None:
    trials = TRIALS.check(run.frame(TRIALS))

    assert trials["trial"].tolist() == [0, 1, 2]
    assert trials["fingerprint"].is_unique
    assert (trials["latency_high_ms"] <= trials["budget_ms"]).all()
    trained = trials[trials["state"] == "complete"]
    assert len(trained) >= 1
    history = run.frame(HISTORY)
    for row in trained.itertuples():
        curve = history[history["model"] == f"trial:{row.trial}"]
        assert len(curve) == row.epochs
        assert curve["accuracy"].max() == row.accuracy
    assert set(run.frame(LATENCY)["model"]) >= {"trial:0", "trial:1", "trial:2"}


def test_the_winner_is_certified_and_reloads(run: RunFolder) -> None:
    winner = run.winners()[0]
    certificate = winner.certificate

    assert certificate is not None
    assert certificate.verdict == "meets"
    assert certificate.num_processes == 3
    assert certificate.high_ms <= certificate.budget_ms
    assert certificate.test_accuracy_low < certificate.test_accuracy < certificate.test_accuracy_high
    reached = json.loads((winner.path / "seeds.json").read_text())["validation_accuracies"]
    assert len(reached) == 2
    assert certificate.validation_accuracy == max(reached)
    loaded = load_model(run.path)
    assert sum(p.numel() for p in loaded.model.parameters()) == certificate.parameters
    assert loaded.input_shape == (1, 8, 8)


def test_the_run_is_complete_and_sealed(run: RunFolder) -> None:
    opened = RunFolder.open(run.path)

    assert opened.record.status == "complete"
    assert opened.damaged() == []
    assert opened.record.data["sizes"]["test"] > 300


def test_the_same_search_again_trains_nothing(run: RunFolder) -> None:
    before = (run.path / "trials.csv").read_bytes(), (run.path / "winners/1/certificate.json").read_bytes()

    search("tiny", "digits", "1s", out=run.path, config=SMALL)

    assert before == (
        (run.path / "trials.csv").read_bytes(),
        (run.path / "winners/1/certificate.json").read_bytes(),
    )


def test_another_configuration_is_refused_with_the_difference(run: RunFolder) -> None:
    with pytest.raises(ConfigChangedError, match="budget: '1s' -> '2s'"):
        search("tiny", "digits", "2s", out=run.path, config=SMALL)


def test_a_search_whose_time_is_up_finishes_its_trial_and_winner_and_goes_on_later(tmp_path: Path) -> None:
    def searched() -> SearchResult:
        hurried = Conditions(max_seconds=1e-3)
        return search("tiny", "digits", "1s", out=tmp_path / "run", config=SMALL, conditions=hurried)

    first = searched()
    second = searched()

    assert [len(first.trials), len(second.trials)] == [1, 2]
    assert [winner.certificate.verdict for winner in first.winners if winner.certificate] == ["meets"]
    notes = RunFolder.open(tmp_path / "run").record.notes
    assert notes == [f"the time is up after {count} of 3 trials" for count in (1, 2)]


def test_workers_leave_with_their_trials_finished_when_the_time_is_up(tmp_path: Path) -> None:
    found = search(
        "tiny",
        "digits",
        "1s",
        out=tmp_path / "run",
        config=replace(SMALL, num_trials=50, sampler="random"),
        conditions=Conditions(max_seconds=20.0, num_workers=2),
    )

    log = (tmp_path / "run" / "workers" / "2.log").read_text()
    assert "joined" in log
    assert "the time is up" in log
    assert found.trials["trial"].tolist() == list(range(len(found.trials)))
    assert len(found.trials) < 50


def test_a_search_whose_study_is_gone_is_not_begun_anew_over_its_trials(
    run: RunFolder, tmp_path: Path
) -> None:
    folder = tmp_path / "run"
    shutil.copytree(run.path, folder)
    study = (folder / "study.db").read_bytes()
    (folder / "study.db").unlink()

    with pytest.raises(RunFolderError, match="has 3 trials and the study has none"):
        search("tiny", "digits", "1s", out=folder, config=SMALL)

    (folder / "study.db").write_bytes(study)
    assert len(search("tiny", "digits", "1s", out=folder, config=SMALL).trials) == 3


def test_a_time_that_is_not_positive_is_refused() -> None:
    with pytest.raises(ConfigError, match="max_seconds must be positive, got 0"):
        Conditions(max_seconds=0.0)


def test_a_budget_nothing_meets_names_the_fastest_and_trains_nothing(tmp_path: Path) -> None:
    with pytest.raises(InfeasibleBudgetError, match=r"none of 3 candidates .* the fastest, trial \d"):
        search("tiny", "digits", "1us", out=tmp_path / "run", config=SMALL)

    run = RunFolder.open(tmp_path / "run")
    assert run.record.status == "infeasible"
    assert set(run.frame(TRIALS)["state"]) == {"over budget"}
    assert run.frame(HISTORY).empty
    assert run.winners() == []


def test_a_front_is_searched_with_two_objectives_and_a_changed_recipe(tmp_path: Path) -> None:
    config = SearchConfig(
        num_trials=3,
        num_winners=1,
        num_probes=4,
        recipe="quick,epochs=3",
        final_recipe="quick",
        sampler="nsga2",
        objectives=("accuracy", "latency"),
    )

    result = search("tiny", "digits", "1s", out=tmp_path / "run", config=config)

    assert len(result.trials) == 3
    assert result.winners[0].certificate is not None
    assert result.run.record.recipes["search"]["epochs"] == 3


def test_ctrl_c_leaves_a_run_that_the_same_command_finishes(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "millinet", "search", "--trials", "3", "--winners", "1"]
    command += ["--latency-budget", "1s", "--out", str(tmp_path / "run"), "--final-recipe", "quick"]
    environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONUNBUFFERED": "1"}
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
    )
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith("trial"):
            process.send_signal(signal.SIGINT)
            break
    rest, errors = process.communicate()

    assert process.returncode == 130, errors
    assert "Traceback" not in errors
    assert "Resume: millinet search --trials 3" in rest
    assert json.loads((tmp_path / "run" / "run.json").read_text())["status"] == "interrupted"

    done = subprocess.run(command, capture_output=True, text=True, env=environment)

    assert done.returncode == 0, done.stderr
    trials = pd.read_csv(tmp_path / "run" / "trials.csv")
    assert len(trials) == 3
    assert "done already" in done.stdout
