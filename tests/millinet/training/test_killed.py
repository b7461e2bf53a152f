"""A training that was killed goes on by the same command."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import torch

from millinet.models import load_model
from millinet.runs import RunFolder

ROOT = Path(__file__).parents[3]
RECIPE = ("--recipe", "quick,epochs=4,batch_size=128,learning_rate=0.02,mixup=0.2,ema_decay=0.9")
SOURCE = "tests.millinet.training.mortal:network"


def trained(out: Path, **environment: str) -> int:
    """Run the command and return its exit status."""
    done = subprocess.run(
        [sys.executable, "-m", "millinet", "train", SOURCE, "--out", str(out), "--device", "cpu", *RECIPE],
        env=os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)} | environment,
        cwd=ROOT,
        capture_output=True,
        timeout=300,
        check=False,
    )
    return done.returncode


def test_a_training_killed_in_an_epoch_ends_as_one_that_was_not(tmp_path: Path) -> None:
    whole, killed = tmp_path / "whole", tmp_path / "killed"

    # Ten steps an epoch and one look before the first: this one is in the middle of the third.
    first = trained(killed, DIES_AT_STEP="26")
    kept = (killed / "epochs.jsonl").read_text().splitlines()
    second, uninterrupted = trained(killed), trained(whole)

    assert (first, second, uninterrupted) == (-signal.SIGKILL, 0, 0)
    assert [json.loads(line)["epoch"] for line in kept] == [1, 2]
    assert RunFolder.open(killed).record.status == "complete"
    expected = load_model(whole).model.state_dict()
    found = load_model(killed).model.state_dict()
    assert all(torch.equal(value, found[name]) for name, value in expected.items())
