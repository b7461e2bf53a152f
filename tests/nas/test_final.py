"""Which finalist wins: the one whose worst training is best."""

import json
from pathlib import Path

import pytest

from nas.final import SEEDS, _lower_bound


@pytest.mark.parametrize(
    ("accuracies", "bound"), [([0.91], 0.91), ([0.99, 0.80, 0.97], 0.80)], ids=["one seed", "three seeds"]
)
def test_a_finalist_is_judged_by_its_worst_training(
    accuracies: list[float], bound: float, tmp_path: Path
) -> None:
    (tmp_path / SEEDS).write_text(json.dumps({"validation_accuracies": accuracies}))

    assert _lower_bound(tmp_path) == bound
