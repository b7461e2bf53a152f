"""A search on a real PostgreSQL, with a second worker that joins it as any other machine would."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest

from millinet.masking import masked
from tests.faults.postgres import PASSWORD, Server, running_server


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with running_server() as running:
        yield running


@pytest.fixture(scope="module")
def run(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs") / "shared"
    done = millinet(
        server,
        *("search", "--trials", "4", "--winners", "1", "--latency-budget", "1s", "--final-recipe", "quick"),
        *("--workers", "2", "--out", str(folder)),
    )
    assert done.returncode in (0, 3), done.stderr
    (folder / "output.log").write_text(done.stdout + done.stderr)
    return folder


def millinet(server: Server, *words: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"OMP_NUM_THREADS": "1", "MILLINET_STORAGE": server.url}
    return subprocess.run(
        [sys.executable, "-m", "millinet", *words], capture_output=True, text=True, env=environment
    )


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


def test_a_worker_that_comes_too_late_says_so_and_leaves(run: Path, server: Server) -> None:
    done = millinet(server, "worker", "--study", "shared")

    assert done.returncode == 0, done.stderr
    assert "4 of 4 trials are finished" in done.stdout


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["--study", "other"], "has no study 'other'; it has shared"),
        (["--study", "shared", "--data", "csv:missing.csv"], "missing.csv"),
    ],
)
def test_a_worker_that_does_not_fit_is_told_in_one_line(
    run: Path, server: Server, words: list[str], complaint: str
) -> None:
    done = millinet(server, "worker", *words)

    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert complaint in line
    assert PASSWORD not in line
