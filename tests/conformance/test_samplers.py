"""Every sampler of the table proposes points of the space, with one objective and with two."""

from pathlib import Path

import pytest

from nas.samplers import SAMPLERS, SamplerContext
from nas.storage import open_study
from search_spaces import load_space

SPACE = load_space("tiny", in_channels=1, num_classes=10, resolution=(8, 8))


def context(num_told: int = 0) -> SamplerContext:
    return SamplerContext(seed=0, space=SPACE, limit_ms=1.0, num_trials=8, num_told=num_told)


@pytest.mark.parametrize("is_pareto", [False, True], ids=["accuracy", "front"])
@pytest.mark.parametrize("name", SAMPLERS)
def test_a_sampler_proposes_points_of_the_space(name: str, is_pareto: bool, tmp_path: Path) -> None:
    study = open_study(tmp_path / "s.db", is_pareto=is_pareto, space_fingerprint=SPACE.fingerprint)
    study.sampler = SAMPLERS[name](context())

    for number in range(6):
        trial = study.ask()
        architecture = SPACE.suggest(trial)
        assert SPACE.params(architecture) == trial.params
        trial.set_constraint("latency", 0.5 if number % 2 else -0.1)
        study.tell(trial, [0.5 + 0.05 * number, 1.0] if is_pareto else 0.5 + 0.05 * number)

    assert len(study.trials) == 6
