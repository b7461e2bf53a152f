"""Samplers that stand in no table."""

import sys
from pathlib import Path

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
        ("optuna.samplers.GridSampler", "GridSampler cannot be made without arguments: .*'search_space'"),
    ],
)
def test_what_is_no_sampler_is_refused(name: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        sampler_maker(name)(CONTEXT)


def test_a_plain_unknown_name_lists_the_table() -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'gated'"):
        sampler_maker("gatd")


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the folder of OptunaHub's packages, as it lies on a machine that has fetched some."""
    monkeypatch.setenv("OPTUNAHUB_CACHE_HOME", str(tmp_path))
    return tmp_path / "github.com" / "optuna" / "optunahub-registry" / "main" / "package" / "samplers"


def packed(hub: Path, name: str, **files: str) -> str:
    """Write a package of the hub; return the name of its sampler for --sampler."""
    (hub / name).mkdir(parents=True)
    for file, text in files.items():
        (hub / name / f"{file}.py").write_text(text, encoding="utf-8")
    return f"optunahub:samplers/{name}"


SAMPLER = """
from optuna.samplers import RandomSampler

class Drawn(RandomSampler):
    pass
"""


@pytest.mark.parametrize(
    "files",
    [
        {"__init__": SAMPLER},
        {"__init__": 'from ._drawn import Drawn\n__all__ = ["Drawn"]', "_drawn": SAMPLER},
        {"__init__": "from .drawn import Drawn", "drawn": SAMPLER},
        {"__init__": 'from optuna.samplers import RandomSampler as Drawn\n__all__ = ["Drawn"]'},
    ],
    ids=["in its first file", "listed", "imported", "one of Optuna's"],
)
def test_a_sampler_of_the_hub_searches(
    hub: Path, request: pytest.FixtureRequest, files: dict[str, str]
) -> None:
    name = packed(hub, request.node.callspec.id.replace(" ", "_").replace("'", ""), **files)

    found = search(SPACE, evaluate=lambda architecture: 1.0, config=SearchConfig(num_trials=3, sampler=name))

    assert found.trials["state"].tolist() == ["complete"] * 3


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "import a_missing_package",
            "was not loaded: No module named 'a_missing_package'; .* install what it needs",
        ),
        ("from optuna.samplers import RandomSampler", "is no subclass of optuna.samplers.BaseSampler"),
        ("raise ValueError", "was not loaded: ValueError;"),
    ],
    ids=["unmet", "bare", "silent"],
)
def test_a_package_of_the_hub_without_a_sampler_is_refused(
    hub: Path, request: pytest.FixtureRequest, text: str, message: str
) -> None:
    name = packed(hub, request.node.callspec.id, __init__=text)

    with pytest.raises(ConfigError, match=message):
        sampler_maker(name)


def test_without_optunahub_its_samplers_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "optunahub", None)

    with pytest.raises(ConfigError, match="needs the package optunahub; install it"):
        sampler_maker("optunahub:samplers/any")
