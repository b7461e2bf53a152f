"""Every sampler of the table proposes points of the space, with one objective and with two."""

from pathlib import Path

import pytest

from nas.candidate import describe
from nas.objectives import values_of
from nas.records import ROW
from nas.samplers import SAMPLERS, SamplerContext
from nas.storage import open_study
from search_spaces import load_space

SPACE = load_space("tiny", in_channels=1, num_classes=10, resolution=(8, 8))


FRONTS = [("accuracy",), ("accuracy", "latency"), ("accuracy", "parameters", "macs", "memory")]


def context(objectives: tuple[str, ...]) -> SamplerContext:
    return SamplerContext(seed=0, space=SPACE, limit_ms=1.0, num_trials=8, num_told=0, objectives=objectives)


@pytest.mark.parametrize("objectives", FRONTS, ids=",".join)
@pytest.mark.parametrize("name", SAMPLERS)
def test_a_sampler_proposes_points_of_the_space(
    name: str, objectives: tuple[str, ...], tmp_path: Path
) -> None:
    study = open_study(tmp_path / "s.db", objectives=objectives, space_fingerprint=SPACE.fingerprint)
    study.sampler = SAMPLERS[name](context(objectives))

    for number in range(6):
        trial = study.ask()
        architecture = SPACE.suggest(trial)
        assert SPACE.params(architecture) == trial.params
        row = describe(architecture) | {"accuracy": 0.5 + 0.05 * number, "latency_ms": 1.0}
        trial.set_user_attr(ROW, row)
        trial.set_constraint("latency", 0.5 if number % 2 else -0.1)
        study.tell(trial, values_of(row, objectives))

    assert len(study.trials) == 6
