from pathlib import Path

import pytest

from millinet.errors import ConfigError, MeasurementError
from millinet.latency import Budget, LatencySettings, certify

BRIEF = LatencySettings(max_visits=5, gap_seconds=0.0)
PLUGIN = """
from torch import nn

def plain(**options):
    print("loading")
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 10))

MODELS = {"mine": lambda name, **options: plain()}
"""


def test_a_fresh_process_measures_a_network_of_a_plugin(tmp_path: Path) -> None:
    plugin = tmp_path / "mine.py"
    plugin.write_text(PLUGIN)

    measured = certify(
        "mine:anything",
        (1, 8, 8),
        settings=BRIEF,
        budget=Budget.parse("30s"),
        num_processes=1,
        plugins=[plugin],
    )

    assert measured.num_processes == 1
    assert measured.verdict(Budget.parse("30s")) == "meets"


def test_a_fresh_process_judges_a_relative_budget_by_its_reference() -> None:
    budget = Budget(ratio=1.5, reference="resnet20", limit_ms=300.0)

    measured = certify("network:resnet20", (3, 8, 8), settings=BRIEF, budget=budget, num_processes=1)

    assert (measured.reference, measured.reference_ms) == ("resnet20", 200.0)


def test_what_goes_wrong_in_a_fresh_process_is_said_in_this_one() -> None:
    with pytest.raises(MeasurementError, match="nothing-of-that-name"):
        certify("network:nothing-of-that-name", (1, 8, 8), num_processes=1)


def test_no_process_is_refused() -> None:
    with pytest.raises(ConfigError, match="at least 1, got 0"):
        certify("network:resnet20", (3, 8, 8), num_processes=0)


@pytest.mark.slow
def test_a_certificate_of_three_processes_bounds_the_tail() -> None:
    measured = certify("network:resnet20", (3, 8, 8))

    assert measured.num_processes == 3
    assert measured.p95_high_ms is not None
