"""The sentences of a comparison: the numbers are the frame's, the words follow the intervals."""

from pathlib import Path

import pandas as pd

from millinet.frames import COMPARISON
from reports import build_report
from reports.findings import findings, sentences
from tests.reports.generated import make_run

ROW = {
    "run": "pruned",
    "candidate": "winner 1",
    "baseline": "pruned, winner 1 before pruning",
    "split": "test",
    "accuracy_difference": -0.012,
    "accuracy_low": -0.021,
    "accuracy_high": -0.003,
    "accuracy_says": "worse",
    "accuracy_paired": True,
    "latency_ratio": 0.512,
    "latency_low": 0.498,
    "latency_high": 0.531,
    "latency_says": "faster",
    "latency_paired": False,
    "parameters_ratio": 0.25,
    "macs_ratio": 0.4,
    "note": "",
}


def said(**changes: object) -> str:
    return sentences(COMPARISON.frame([ROW | changes])).strip()


def test_a_sentence_says_which_way_how_much_and_how_surely() -> None:
    assert said() == (
        "- **pruned, winner 1, against pruned, winner 1 before pruning**: "
        "less accurate by 1.2 points (-2.1 to -0.3, image by image); "
        "faster: 0.512 times the latency (0.498 to 0.531); 0.250 times the parameters; "
        "0.400 times the multiply-adds."
    )


def test_what_crosses_zero_is_called_no_difference() -> None:
    text = said(
        accuracy_difference=0.004,
        accuracy_low=-0.003,
        accuracy_high=0.011,
        accuracy_says="no difference",
        latency_says="no difference",
    )

    assert "no difference in accuracy that the images can show: +0.4 points (-0.3 to +1.1" in text
    assert "no difference in latency that the measurements can show: 0.512 times the latency" in text


def test_what_was_not_compared_is_left_out_with_its_reason() -> None:
    text = said(accuracy_says=None, latency_says=None, note="accuracy not compared: another data set")

    assert "accurate" not in text
    assert text.endswith("(accuracy not compared: another data set).")


def test_a_name_cannot_leave_its_cell_or_its_line() -> None:
    text = said(run="a|b\n- <script>")

    assert "a\\|b - &lt;script>" in text
    assert len(text.splitlines()) == 1


def test_the_findings_lie_beside_the_frames(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run")
    build_report([run])

    text = (run / "report" / "findings.md").read_text(encoding="utf-8")

    candidates = pd.read_csv(run / "report" / "candidates.csv")
    assert text.count("| digits-tiny |") == (candidates["kind"] != "trial").sum()
    assert text.count("- **digits-tiny, winner 1, against digits-tiny, winner 1 before pruning**") == 1


def test_no_runs_with_a_finished_network_give_an_empty_list() -> None:
    from reports.compare import frames_of

    assert findings(frames_of([])).count("\n") == 4
