import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from millinet.errors import ConfigError
from millinet.training.parallel import own_share, ranks, torchrun_group

ROOT = Path(__file__).parents[3]
PROGRAM = Path(__file__).with_name("distributed_program.py")


def run(folder: Path, *, num_processes: int) -> list[dict[str, Any]]:
    folder.mkdir()
    launch = [
        sys.executable,
        "-m",
        "torch.distributed.run",
        "--standalone",
        f"--nproc-per-node={num_processes}",
    ]
    environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [*launch, str(PROGRAM), str(folder)], env=environment, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr
    return [json.loads((folder / f"rank{rank}.json").read_text()) for rank in range(num_processes)]


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[dict[str, Any]]]:
    folder = tmp_path_factory.mktemp("torchrun") / "two"
    return folder, run(folder, num_processes=2)


def test_two_processes_train_what_one_trains(two: tuple[Path, list[dict[str, Any]]], tmp_path: Path) -> None:
    [alone] = run(tmp_path / "one", num_processes=1)

    _, (first, second) = two

    assert first["size"] == second["size"] == 2
    assert first["losses"] == second["losses"] == pytest.approx(alone["losses"], rel=1e-5)
    assert first["accuracies"] == second["accuracies"] == alone["accuracies"]
    for mine, theirs, expected in zip(first["weights"], second["weights"], alone["weights"], strict=True):
        assert mine == theirs
        torch.testing.assert_close(torch.tensor(mine), torch.tensor(expected), rtol=1e-4, atol=1e-5)


def test_only_the_first_process_speaks_and_writes(two: tuple[Path, list[dict[str, Any]]]) -> None:
    folder, (first, second) = two

    assert (first["num_seen"], second["num_seen"]) == (3, 0)
    assert sorted(path.name for path in folder.iterdir()) == ["checkpoint.pt", "rank0.json", "rank1.json"]


def test_outside_torchrun_a_process_is_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LOCAL_RANK", raising=False)

    with torchrun_group("cpu") as device:
        assert device == torch.device("cpu")
        assert ranks() == (0, 1)
        assert own_share(torch.arange(3)).tolist() == [0, 1, 2]


@pytest.mark.skipif(torch.cuda.device_count() > 1, reason="needs fewer accelerators than processes")
def test_more_processes_than_accelerators_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOCAL_RANK", "0")
    monkeypatch.setenv("LOCAL_WORLD_SIZE", "2")

    with pytest.raises(ConfigError, match="got 2 processes for"), torchrun_group("cuda"):
        pass
