"""Samplers that stand in no table."""

import pytest
from optuna.samplers import TPESampler

from millinet.errors import ConfigError, UnknownNameError
from nas import SearchConfig, search
from nas.samplers import DistinctSampler, SamplerContext, sampler_maker
from search_spaces import load_space

SPACE = load_space("tiny", in_channels=1, num_classes=10, resolution=(8, 8))
CONTEXT = SamplerContext(seed=3, space=SPACE, limit_ms=1.0, num_trials=8, num_told=0)


def test_a_dotted_name_finds_optunas_class() -> None:
    made = sampler_maker("optuna.samplers.TPESampler")(CONTEXT)

    assert isinstance(made, DistinctSampler)
    assert isinstance(made.sampler, TPESampler)


def test_a_sampler_by_dotted_name_searches() -> None:
    config = SearchConfig(num_trials=3, sampler="optuna.samplers.QMCSampler")

    found = search(SPACE, evaluate=lambda architecture: 1.0, config=config)

    assert found.trials["state"].tolist() == ["complete"] * 3


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("optuna.samplers.Nothing", r"no sampler called 'optuna.samplers.Nothing': .* package.module.Class"),
        ("no_such_package.Sampler", "no sampler called 'no_such_package.Sampler'"),
        ("math.sqrt", "'math.sqrt' is no subclass of optuna.samplers.BaseSampler"),
        ("optunahub:samplers/none", "needs the package optunahub; install it"),
    ],
)
def test_what_is_no_sampler_is_refused(name: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        sampler_maker(name)


def test_a_plain_unknown_name_lists_the_table() -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'gated'"):
        sampler_maker("gatd")
