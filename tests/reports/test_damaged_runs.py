"""A folder that is unfinished, damaged or foreign: the report says what is missing and shows the rest."""

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from millinet.errors import RunFolderError
from millinet.runs import RunFolder
from reports import build_report, compare
from tests.reports.generated import Plan, make_run


def _change(file: Path, **changes: object) -> None:
    file.write_text(json.dumps(json.loads(file.read_text()) | changes))


def _truncate(file: Path) -> None:
    content = file.read_bytes()
    file.write_bytes(content[: int(len(content) * 0.6)])


DAMAGES: dict[str, tuple[Callable[[Path], None], str]] = {
    "still running": (
        lambda run: (_change(run / "run.json", status="running"), shutil.rmtree(run / "winners"))[0],
        "the run has not ended: 24 of 24 trials so far",
    ),
    "interrupted": (
        lambda run: _change(run / "run.json", status="interrupted", num_trials=40),
        "interrupted after 24 of 40 trials; the same command resumes it",
    ),
    "failed": (
        lambda run: _change(run / "run.json", status="failed"),
        "the run failed after 24 of 24 trials",
    ),
    "truncated trials": (lambda run: _truncate(run / "trials.csv"), "trials.csv is damaged"),
    "truncated latency": (lambda run: _truncate(run / "latency.csv"), "latency.csv is damaged"),
    "truncated history": (lambda run: _truncate(run / "history.csv"), "history.csv is damaged"),
    "trials that are no CSV": (
        lambda run: (run / "trials.csv").write_bytes(b'\x00\xff"\n"'),
        "trials.csv is no trials frame",
    ),
    "newer version": (
        lambda run: _change(run / "run.json", format="millinet.run/9", invented={"a": 1}),
        "this version reads",
    ),
    "newer certificate": (
        lambda run: _change(run / "winners/1/certificate.json", invented=3),
        "fields of another version",
    ),
    "certificate edited afterwards": (
        lambda run: (RunFolder.open(run).seal(), _change(run / "winners/1/certificate.json", macs=1))[1],
        "winners/1/certificate.json is no longer as the run left it",
    ),
    "certificate without latency": (
        lambda run: _change(run / "winners/1/certificate.json", median_ms="fast"),
        "winners/1/certificate.json is left out: median_ms",
    ),
    "no run.json": (lambda run: (run / "run.json").unlink(), "run.json is missing"),
    "run.json cut off": (lambda run: _truncate(run / "run.json"), "run.json cannot be read"),
    "run.json of another kind": (
        lambda run: (run / "run.json").write_text("[1]"),
        "run.json is no JSON object",
    ),
    "field of another type": (
        lambda run: _change(run / "run.json", seed="x"),
        "run.json cannot be read in seed",
    ),
    "no certificate": (
        lambda run: (run / "winners/1/certificate.json").unlink(),
        "was not measured to the end",
    ),
    "no architecture": (
        lambda run: (run / "winners/1/architecture.json").unlink(),
        "cannot be drawn or named",
    ),
    "architecture cut off": (
        lambda run: _truncate(run / "winners/1/architecture.json"),
        "winners/1/architecture.json cannot be read",
    ),
    "no winners": (lambda run: shutil.rmtree(run / "winners"), "there is no winner"),
    "layers cut off": (
        lambda run: _truncate(run / "winners/1/layers.csv"),
        "winners/1/layers.csv is damaged",
    ),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_run_is_shown_with_what_is_wrong_in_words(damage: str, tmp_path: Path) -> None:
    run = make_run(tmp_path / "run")
    harm, says = DAMAGES[damage]
    harm(run)

    page = build_report([run]).read_text(encoding="utf-8")

    assert says in page
    assert len(re.findall(r"<section", page)) >= 4


def test_damage_to_one_run_leaves_the_others_whole(tmp_path: Path) -> None:
    whole, broken = make_run(tmp_path / "whole"), make_run(tmp_path / "broken", Plan(name="broken"))
    (broken / "trials.csv").write_text("nonsense")

    frames = compare([whole, broken])

    assert (frames["candidates"]["run"] == "digits-tiny").sum() == 28


def test_a_line_cut_in_the_middle_is_left_out(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run")
    text = (run / "trials.csv").read_text()
    (run / "trials.csv").write_text(text[:-30])

    frames = compare([run])

    assert (frames["candidates"]["kind"] == "trial").sum() == 23


def test_missing_frames_leave_the_page_with_winners(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run")
    for name in ("trials", "latency", "history"):
        (run / f"{name}.csv").unlink()

    page = build_report([run]).read_text(encoding="utf-8")

    assert "Ship" in page


def test_a_run_without_a_trial_says_so(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", Plan(num_trials=0, status="running"))

    page = build_report([run]).read_text(encoding="utf-8")

    assert "Nothing has been measured yet" in page


def test_a_budget_nothing_meets_is_the_first_thing_said(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", Plan(limit_ms=0.01, status="infeasible"))

    page = build_report([run]).read_text(encoding="utf-8")

    assert "Nothing meets the budget of" in page
    assert "ended without a network inside the budget" in page


@pytest.mark.parametrize("name", ["missing", "empty", "file"])
def test_what_is_no_run_folder_is_refused(name: str, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").write_text("text")

    with pytest.raises(RunFolderError, match=r"no (run )?folder"):
        compare([tmp_path / name])


def test_no_runs_at_all_are_refused() -> None:
    with pytest.raises(RunFolderError, match="at least one run folder"):
        compare([])


def test_two_runs_of_one_name_are_told_apart(tmp_path: Path) -> None:
    runs = [make_run(tmp_path / "a"), make_run(tmp_path / "b")]

    names = compare(runs)["candidates"]["run"].unique()

    assert list(names) == ["digits-tiny", "digits-tiny (2)"]
