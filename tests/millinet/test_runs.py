"""The run folder: made, resumed, refused, sealed."""

import json
from pathlib import Path
from typing import Any

import pytest

from millinet.errors import ConfigChangedError, RunFolderError
from millinet.frames import HISTORY
from millinet.runs import RunFolder, RunRecord


def record(**config: object) -> RunRecord:
    return RunRecord(
        name="try", created="2026-01-01T00:00:00+00:00", command=["millinet"], config=dict(config)
    )


def sealed(name: str) -> str:
    return record().model_copy(update={"checksums": {name: "0" * 64}}).model_dump_json()


def test_a_run_comes_back_as_it_was_saved(tmp_path: Path) -> None:
    run = RunFolder.create(tmp_path / "run", record(seed=1))
    run.save(status="complete", phases={"training": 1.5})

    opened = RunFolder.open(tmp_path / "run")

    assert opened.record == run.record
    assert opened.record.status == "complete"


def test_the_same_configuration_resumes(tmp_path: Path) -> None:
    RunFolder.create(tmp_path / "run", record(seed=1)).note("hello")

    resumed = RunFolder.resume_or_create(tmp_path / "run", record(seed=1))

    assert resumed.record.notes == ["hello"]


def test_a_changed_configuration_is_refused_with_what_changed(tmp_path: Path) -> None:
    RunFolder.create(tmp_path / "run", record(seed=1, space="tiny"))

    with pytest.raises(ConfigChangedError, match=r"seed: 1 -> 2.*another --out"):
        RunFolder.resume_or_create(tmp_path / "run", record(seed=2, space="tiny"))


def test_a_run_that_came_to_nothing_makes_way_and_what_it_left_is_named(tmp_path: Path) -> None:
    run = RunFolder.create(tmp_path / "run", record(seed=1))
    run.save(status="failed")
    (run.path / "checkpoint.pt").write_bytes(b"half")
    (run.path / "thesis.tex").write_text("years of work")

    taken = RunFolder.resume_or_create(run.path, record(seed=2), after=["failed"], left=["checkpoint.pt"])

    assert (taken.record.status, taken.record.config) == ("running", {"seed": 2})
    assert sorted(path.name for path in run.path.iterdir()) == ["run.json", "thesis.tex"]


@pytest.mark.parametrize(("status", "config"), [("complete", {"seed": 2}), ("failed", {"space": "tiny"})])
def test_a_run_that_came_to_something_or_is_of_another_kind_does_not_make_way(
    tmp_path: Path, status: Any, config: dict[str, Any]
) -> None:
    RunFolder.create(tmp_path / "run", record(seed=1)).save(status=status)

    with pytest.raises(ConfigChangedError):
        RunFolder.resume_or_create(tmp_path / "run", record(**config), after=["failed"])


def test_a_folder_of_something_else_is_not_taken_over(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("years of work")

    with pytest.raises(RunFolderError, match="is no run folder"):
        RunFolder.create(tmp_path, record())

    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('{"format": "millinet.run/9"}', "has format 'millinet.run/9', this version reads 'millinet.run/1'"),
        ('{"format": "millinet.run/1"}', "field name: Field required"),
        ('{"format": "mill', "cannot be read"),
        ("[]", "has format None"),
        (sealed("../../etc/passwd"), "checksums: .* '../../etc/passwd' is no file of the folder"),
        (sealed("/etc/passwd"), "checksums: .* '/etc/passwd' is no file of the folder"),
    ],
)
def test_a_damaged_newer_or_hostile_record_is_one_line(tmp_path: Path, content: str, message: str) -> None:
    (tmp_path / "run.json").write_text(content)

    with pytest.raises(RunFolderError, match=message):
        RunFolder.open(tmp_path)


@pytest.mark.parametrize("name", ["winners/1", "winners/1/model.safetensors"])
def test_a_link_out_of_the_folder_is_refused(tmp_path: Path, name: str) -> None:
    run = RunFolder.create(tmp_path / "run", record())
    (tmp_path / "secret").write_text("of somebody else")
    (run.path / name).parent.mkdir(parents=True)
    (run.path / name).symlink_to(tmp_path / "secret")

    with pytest.raises(RunFolderError, match=f"{name} leads out of the run folder"):
        RunFolder.open(run.path)


def test_rows_are_added_to_a_frame(tmp_path: Path) -> None:
    run = RunFolder.create(tmp_path / "run", record())

    run.append(HISTORY, [{"model": "trial:0", "epoch": 1}])
    run.append(HISTORY, [{"model": "trial:0", "epoch": 2}])

    assert run.frame(HISTORY)["epoch"].tolist() == [1, 2]


def test_a_file_changed_after_sealing_is_named(tmp_path: Path) -> None:
    run = RunFolder.create(tmp_path / "run", record())
    run.append(HISTORY, [{"model": "trial:0", "epoch": 1}])
    run.seal()
    assert run.damaged() == []

    (run.path / "history.csv").write_text("epoch\n")

    assert RunFolder.open(run.path).damaged() == ["history.csv"]


def test_winners_come_by_rank(tmp_path: Path) -> None:
    run = RunFolder.create(tmp_path / "run", record())
    for rank in (10, 2, 1):
        run.winner_path(rank).mkdir(parents=True)

    assert [winner.rank for winner in run.winners()] == [1, 2, 10]
    assert json.loads((run.path / "run.json").read_text())["format"] == "millinet.run/1"
