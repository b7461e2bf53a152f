"""What untrained networks say of themselves: repeatable, kept with the trial, and asked for by name."""

from pathlib import Path

import numpy as np
import pytest
import torch

from millinet.data import load_data
from millinet.errors import ConfigError, UnknownNameError
from millinet.runs import RunFolder
from millinet.tables import load_plugin
from nas import Explorer, SearchConfig, search
from nas.evidence import Evidence
from nas.records import EVIDENCE
from nas.storage import close_study, open_study
from search_spaces import load_space

DATA = load_data("digits")
SPACE = load_space("tiny", in_channels=1, num_classes=10, resolution=(8, 8))


def test_scores_depend_on_the_network_and_the_seed_alone() -> None:
    architectures = [SPACE.sample(np.random.default_rng(seed)) for seed in (0, 1)]
    forward, backward = (Evidence(["naswot", "zico"], DATA, seed=3) for _ in range(2))

    first = [forward(one) for one in architectures]
    torch.rand(7)
    second = [backward(one) for one in reversed(architectures)]

    assert first == second[::-1]
    assert first[0] != first[1]
    assert Evidence(["naswot", "zico"], DATA, seed=4)(architectures[0]) != first[0]


def test_the_global_generator_is_left_alone() -> None:
    evidence = Evidence(["naswot"], DATA, seed=0)
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)

    evidence(SPACE.sample(np.random.default_rng(0)))

    assert torch.equal(torch.rand(3), expected)


PLUGIN = """
def broken(model, images, labels):
    raise RuntimeError("no such operator on this chip")


def endless(model, images, labels):
    return float("inf")


PROXIES = {"broken": broken, "endless": endless}
"""


@pytest.mark.parametrize("name", ["broken", "endless"])
def test_a_proxy_that_fails_or_is_not_finite_tells_nothing(name: str, tmp_path: Path) -> None:
    file = tmp_path / "my_proxies.py"
    file.write_text(PLUGIN)
    load_plugin(file)

    assert Evidence(["naswot", name], DATA, seed=0)(SPACE.sample(np.random.default_rng(0))) is None


def test_proxies_are_checked_with_the_rest_of_the_settings() -> None:
    with pytest.raises(UnknownNameError, match="no proxy called 'naswat'; did you mean 'naswot'"):
        SearchConfig(proxies=("naswat",))
    with pytest.raises(ConfigError, match="looked at by the sampler 'gated' alone, got 'tpe' with zico"):
        SearchConfig(proxies=("zico",), sampler="tpe")
    with pytest.raises(ConfigError, match="each proxy comes once, got zico, zico"):
        SearchConfig(proxies=("zico", "zico"))
    with pytest.raises(ConfigError, match="proxies look at training images, and here are none, got zico"):
        Explorer(SPACE, config=SearchConfig(proxies=("zico",)))


def test_a_search_keeps_the_evidence_of_every_trial_and_resumes_with_it(tmp_path: Path) -> None:
    def run(num_trials: int) -> None:
        search(
            SPACE,
            DATA,
            "1s",
            out=tmp_path / "run",
            config=SearchConfig(
                num_trials=num_trials,
                num_probes=2,
                num_winners=1,
                proxies=("naswot", "synflow"),
                recipe="quick,epochs=1",
                final_recipe="quick,epochs=1",
            ),
        )

    run(5)
    run(7)

    study = open_study(
        tmp_path / "run" / "study.db", objectives=["accuracy"], space_fingerprint=SPACE.fingerprint
    )
    told = [trial.user_attrs[EVIDENCE] for trial in study.trials]
    close_study(study)
    assert len(told) == 7
    assert all(list(one) == ["naswot", "synflow"] for one in told)
    assert RunFolder.open(tmp_path / "run").record.config["proxies"] == "naswot,synflow"
