"""The first sentence: which network to ship, and why."""

import json
import re
from html import unescape
from pathlib import Path

import pytest

from millinet.frames import TRIALS
from reports import build_report
from tests.reports.generated import Plan, make_run


def _change(file: Path, **changes: object) -> None:
    file.write_text(json.dumps(json.loads(file.read_text()) | changes))


def _said(runs: list[Path], out: Path) -> list[str]:
    page = build_report(runs, out).read_text(encoding="utf-8")
    paragraphs = re.findall(r'<p class="(?:verdict|because)">(.*?)</p>', page)
    return [unescape(re.sub(r"<[^>]+>", "", paragraph)) for paragraph in paragraphs]


def test_the_most_accurate_on_validation_images_is_shipped_not_on_test_images(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run")
    _change(run / "winners/1/certificate.json", validation_accuracy=0.95, test_accuracy=0.99)
    _change(run / "winners/2/certificate.json", validation_accuracy=0.97, test_accuracy=0.94, median_ms=0.34)

    first = _said([run], tmp_path / "out")[0]

    assert first.startswith(
        "Ship winner 2 of digits-tiny: 94.0% of test images right, 0.340 ms a pass on Intel"
    )


def test_the_fastest_is_named_with_what_it_costs(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run")

    reason = _said([run], tmp_path / "out")[1]

    assert reason.startswith("Of 2 networks certified there it is the most accurate on validation images.")
    assert "The fastest is winner 2 of digits-tiny, which takes 93% as long: no difference" in reason


def test_a_budget_that_no_interval_is_clear_of_is_undecided(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", Plan(num_winners=1))
    _change(run / "winners/1/certificate.json", verdict="undecided", median_ms=0.5, low_ms=0.49, high_ms=0.51)

    first = _said([run], tmp_path / "out")[0]

    assert first.startswith("Nothing is surely inside the budget. The best is winner 1 of digits-tiny")
    assert first.endswith("and the interval of its latency crosses the budget of 0.500 ms.")


def test_a_missed_budget_names_the_nearest(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run")
    for rank, median_ms in ((1, 0.7), (2, 0.6)):
        _change(run / f"winners/{rank}/certificate.json", verdict="fails", median_ms=median_ms)

    first = _said([run], tmp_path / "out")[0]

    assert first.startswith("Nothing meets the budget. The nearest is winner 2 of digits-tiny")
    assert "0.600 ms a pass" in first


def test_a_winner_that_meets_comes_before_a_better_one_that_might(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run")
    _change(run / "winners/1/certificate.json", verdict="undecided", validation_accuracy=0.99)
    _change(run / "winners/2/certificate.json", verdict="meets", validation_accuracy=0.9)

    assert _said([run], tmp_path / "out")[0].startswith("Ship winner 2")


def test_each_device_has_its_own_sentence_in_the_order_given(tmp_path: Path) -> None:
    runs = [
        make_run(tmp_path / "b", Plan(name="b", device="NVIDIA H200", limit_ms=0.4)),
        make_run(tmp_path / "a", Plan(name="a", seed=1)),
    ]

    said = _said(runs, tmp_path / "out")

    assert said[0].startswith("On NVIDIA H200 (fp32, batch 1, digits): ship winner 1 of b")
    assert any(
        sentence.startswith("On Intel Xeon 8481C (fp32, batch 1, digits): ship") for sentence in said[1:]
    )


def test_a_budget_on_the_tail_says_so(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", Plan(num_winners=1))
    _change(run / "winners/1/certificate.json", budget="p95<=0.5ms")

    assert _said([run], tmp_path / "out")[0].endswith("inside the budget of 0.500 ms at p95.")


def test_a_batch_is_a_pass_of_many_images(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", Plan(num_winners=1))
    _change(run / "winners/1/certificate.json", settings={"batch": 32})

    assert "a pass of 32 images" in _said([run], tmp_path / "out")[0]


def test_a_search_on_a_noisy_machine_says_that_nothing_is_sure(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", Plan(num_winners=0, num_trials=1, status="infeasible"))
    row = TRIALS.read(run / "trials.csv").iloc[0].to_dict()
    row |= {"verdict": "undecided", "state": "undecided", "accuracy": None, "budget_ms": 0.5}
    row |= {"latency_ms": 0.3, "latency_low_ms": 0.1, "latency_high_ms": 0.9}
    TRIALS.write(TRIALS.frame([row]), run / "trials.csv")

    first = _said([run], tmp_path / "out")[0]

    assert first.startswith("Nothing is surely inside the budget of 0.500 ms. The fastest network measured")
    assert "takes 0.300 ms, but its interval (0.100 to 0.900 ms) crosses the budget" in first


@pytest.mark.parametrize("status", ["running", "interrupted"])
def test_a_search_that_goes_on_names_the_best_so_far(status: str, tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", Plan(num_winners=0, status=status))

    assert _said([run], tmp_path / "out")[0].startswith(
        "No network is finished yet. The best so far is trial "
    )
