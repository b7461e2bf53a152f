"""`millinet run`, as a newcomer types it, in its short form; then each command on the folder it left."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest


def millinet(*words: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "millinet", *words],
        capture_output=True,
        text=True,
        cwd=cwd,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("newcomer")
    done = millinet("run", "--trials", "4", "--winners", "1", cwd=place)
    assert done.returncode == 0, done.stdout + done.stderr
    (place / "output").write_text(done.stdout)
    return place / "runs" / "digits"


def test_everything_a_run_promises_lies_in_its_folder(folder: Path) -> None:
    winner = folder / "winners" / "1"

    expected = ["architecture.json", "certificate.json", "model.onnx", "model.pt2", "model.safetensors"]
    assert all((winner / name).stat().st_size for name in expected)
    assert (folder / "report.html").stat().st_size < 6 * 2**20
    assert {"run.json", "study.db", "trials.csv", "latency.csv", "history.csv"} <= {
        path.name for path in folder.iterdir()
    }


def test_the_certificate_says_what_was_measured(folder: Path) -> None:
    certificate = json.loads((folder / "winners/1/certificate.json").read_text())

    assert certificate["verdict"] == "meets"
    assert (
        certificate["low_ms"]
        <= certificate["median_ms"]
        <= certificate["high_ms"]
        <= certificate["budget_ms"]
    )
    assert certificate["p95_ms"] is None or certificate["p95_ms"] >= certificate["low_ms"]
    assert certificate["num_processes"] >= 3
    assert 0.9 < certificate["test_accuracy"] <= 1.0


def test_nothing_over_the_budget_was_trained(folder: Path) -> None:
    trials = pd.read_csv(folder / "trials.csv")

    over = trials[trials["verdict"] != "meets"]
    assert (over["epochs"] == 0).all()
    assert len(trials) == 4


def test_the_screen_ends_with_the_page_and_the_command_to_resume(folder: Path) -> None:
    lines = (folder.parents[1] / "output").read_text().strip().splitlines()

    assert "digits" in lines[0]
    assert "budget 0.5x:resnet20@batch=32 = " in lines[0]
    assert "4 trials" in lines[0]
    assert lines[-2].startswith("report: ")
    assert lines[-1] == "to resume or extend: millinet run --trials 4 --winners 1"


def test_the_same_line_again_repeats_nothing(folder: Path) -> None:
    before = {
        name: (folder / name).read_bytes()
        for name in ("trials.csv", "history.csv", "winners/1/certificate.json")
    }

    done = millinet("run", "--trials", "4", "--winners", "1", cwd=folder.parents[1])

    assert done.returncode == 0, done.stderr
    assert before == {name: (folder / name).read_bytes() for name in before}


def test_more_trials_extend_the_search(folder: Path, tmp_path: Path) -> None:
    import shutil

    copy = tmp_path / "copy"
    shutil.copytree(folder, copy)

    done = millinet("search", "--trials", "5", "--winners", "1", "--out", str(copy), cwd=tmp_path)

    assert done.returncode == 0, done.stderr
    assert len(pd.read_csv(copy / "trials.csv")) == 5


def test_a_budget_nothing_meets_has_an_exit_code_of_its_own_and_a_page(tmp_path: Path) -> None:
    done = millinet("run", "--trials", "2", "--latency-budget", "1us", "--out", "none", cwd=tmp_path)

    assert done.returncode == 3
    assert "the fastest, trial" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert (tmp_path / "none" / "report.html").exists()


def test_a_block_that_fails_costs_its_own_trials_and_is_named(tmp_path: Path) -> None:
    (tmp_path / "broken.py").write_text(
        "import torch\n"
        "from torch import Tensor\n"
        "from search_spaces.blocks.basic import Basic\n"
        "class Poison(Basic):\n"
        "    '''A block whose output is not a number.'''\n"
        "    def forward(self, x: Tensor) -> Tensor:\n"
        "        return super().forward(x) * (float('nan') if self.training else 1.0)\n"
        "BLOCKS = {'poison': Poison}\n"
    )
    (tmp_path / "space.toml").write_text(
        'name = "poisoned"\n'
        "[stem]\nconv3 = { width = [16] }\n"
        "[[stages]]\ndepth = [1, 2]\nwidth = [16, 32]\nstride = 2\n"
        "[stages.blocks]\npoison = {}\n"
        "[head]\ndense = {}\n"
    )

    done = millinet(
        "search",
        "--space",
        "space.toml",
        "--plugin",
        "broken.py",
        "--trials",
        "2",
        "--out",
        "run",
        cwd=tmp_path,
    )

    assert done.returncode == 3, done.stdout + done.stderr
    trials = pd.read_csv(tmp_path / "run" / "trials.csv")
    assert trials["state"].tolist() == ["failed", "failed"]
    assert trials["cause"].str.startswith("diverged").all()
    assert "failed: diverged" in done.stdout
