"""Candidates that crash cost no trial more than their own: as many are finished as were asked for."""

import pandas as pd
import pytest

from millinet.tables import load_plugin
from nas.conditions import Conditions
from nas.config import SearchConfig
from nas.display import Silent
from nas.ledger import trials_frame
from nas.setup import prepare
from nas.trials import search_trials
from search_spaces import SearchSpace

SPACE = """
name = "unlucky"
[stem]
conv3 = { width = 8 }
[[stages]]
depth = [1, 2, 3]
width = [8, 16]
stride = 1
[stages.blocks]
unlucky = {}
[head]
dense = {}
"""
BLOCK = '''
import os, signal
from pathlib import Path
from search_spaces import Part, Place

MARK = Path(__file__).with_suffix(".crashes")


class Unlucky(Part):
    """A convolution that crashes the first three processes that run it."""

    def __init__(self, place: Place) -> None:
        super().__init__()
        self.conv = place.layers.conv((place.in_channels, place.out_channels), stride=place.stride)

    def forward(self, x):
        crashes = len(MARK.read_text()) if MARK.exists() else 0
        if x.device.type != "meta" and crashes < 3:
            MARK.write_text("x" * (crashes + 1))
            os.kill(os.getpid(), signal.SIGSEGV)
        return self.conv(x)


BLOCKS = {"unlucky": Unlucky}
'''


@pytest.fixture(scope="module")
def trials(tmp_path_factory: pytest.TempPathFactory) -> pd.DataFrame:
    """The trials of a search: the first crashes twice, the second once, the third not at all."""
    folder = tmp_path_factory.mktemp("unlucky")
    plugin = folder / "unlucky.py"
    plugin.write_text(BLOCK)
    load_plugin(plugin)
    space = SearchSpace.from_toml(SPACE, in_channels=1, num_classes=10, resolution=(8, 8))
    conditions = Conditions(is_isolated=True)
    config = SearchConfig(num_trials=3, sampler="random", recipe="quick,epochs=1")
    with prepare(space, "digits", "10s", out=folder / "run", config=config, conditions=conditions) as opened:
        search_trials(opened.problem, opened.study, Silent(), conditions=conditions)
        return trials_frame(opened.study)


def test_exactly_as_many_are_finished_as_were_asked_for(trials: pd.DataFrame) -> None:
    assert trials["trial"].tolist() == [0, 1, 2]
    assert trials["state"].tolist() == ["failed", "complete", "complete"]


def test_every_crash_is_named_in_the_frame(trials: pd.DataFrame) -> None:
    crash = "its process was killed by SIGSEGV, as a faulty extension does"

    assert trials["cause"].tolist()[:2] == [crash, f"tried again after {crash}"]
    assert pd.isna(trials["cause"].iloc[2])


def test_a_candidate_tried_again_has_the_latency_of_its_last_try(trials: pd.DataFrame) -> None:
    assert trials["latency_ms"].isna().tolist() == [True, False, False]
    assert (trials["accuracy"].iloc[1:] > 0.0).all()
