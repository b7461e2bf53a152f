"""A search on a real PostgreSQL, with a second worker that joins it as any other machine would."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest
import submitit

from millinet.masking import masked
from nas.conditions import Conditions
from nas.config import SearchConfig
from nas.display import Silent
from nas.local_workers import local_workers
from nas.recorder import Recorder
from nas.setup import prepare
from nas.trials import search_trials
from tests.faults.postgres import PASSWORD, Server, running_server
from tests.faults.program import run_here


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with running_server() as running:
        yield running


@pytest.fixture(scope="module")
def run(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The trials of a search, worked through here and by a program of its own; no winner is finished."""
    folder = tmp_path_factory.mktemp("runs") / "shared"
    conditions = Conditions(storage=server.url)
    config = SearchConfig(num_trials=4, sampler="random")
    with prepare("tiny", "digits", "1s", out=folder, config=config, conditions=conditions) as prepared:
        problem, run, study = prepared
        record = Recorder(run, study, Silent())
        with local_workers(run, study, count=1, conditions=conditions):
            search_trials(problem, study, Silent(), conditions=conditions, between=record)
        record.write()
    return folder


@pytest.fixture(autouse=True)
def _known_address(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MILLINET_STORAGE", server.url)


def test_two_workers_finish_exactly_the_trials_that_were_asked_for(run: Path) -> None:
    trials = pd.read_csv(run / "trials.csv")

    assert len(trials) == 4
    assert trials["trial"].is_unique
    assert trials["fingerprint"].is_unique
    assert "joined 'shared'" in (run / "workers" / "2.log").read_text()


def test_the_frames_hold_the_trials_of_every_worker(run: Path) -> None:
    trials, latency = pd.read_csv(run / "trials.csv"), pd.read_csv(run / "latency.csv")

    measured = trials.dropna(subset=["latency_ms"])
    assert {f"trial:{number}" for number in measured["trial"]} <= set(latency["model"])


def test_the_password_is_nowhere_in_the_run_folder(run: Path, server: Server) -> None:
    holding = [path for path in run.rglob("*") if path.is_file() and PASSWORD.encode() in path.read_bytes()]

    assert holding == []
    assert json.loads((run / "run.json").read_text())["storage"] == {
        "address": masked(server.url),
        "study": "shared",
    }


def test_a_worker_that_comes_too_late_says_so_and_leaves(
    run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_here(["worker", "--study", "shared"]) == 0

    assert "4 of 4 trials are finished" in capsys.readouterr().out


def test_a_job_of_submitit_is_a_worker_and_keeps_the_password_out_of_its_files(
    run: Path, tmp_path: Path
) -> None:
    executor = submitit.AutoExecutor(folder=tmp_path, cluster="local")
    worker = submitit.helpers.CommandFunction(
        [sys.executable, "-m", "millinet", "worker", "--study", "shared"]
    )

    said = executor.submit(worker).result()

    assert "all 4 trials are finished" in said
    written = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert written
    assert [path for path in written if PASSWORD.encode() in path.read_bytes()] == []


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["--study", "other"], "has no study 'other'; it has shared"),
        (["--study", "shared", "--data", "csv:missing.csv"], "missing.csv"),
    ],
)
def test_a_worker_that_does_not_fit_is_told_in_one_line(
    run: Path, capsys: pytest.CaptureFixture[str], words: list[str], complaint: str
) -> None:
    assert run_here(["worker", *words]) == 2

    (line,) = capsys.readouterr().err.splitlines()
    assert complaint in line
    assert PASSWORD not in line
