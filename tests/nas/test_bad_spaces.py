"""Spaces that are huge, that break, or that changed: a clear line, and the study intact."""

from pathlib import Path

import pytest

from millinet.errors import ConfigChangedError
from millinet.tables import load_plugin
from nas import Explorer, SearchConfig, search
from search_spaces import Architecture, SearchSpace

IMAGES = {"in_channels": 1, "num_classes": 10, "resolution": (8, 8)}

HUGE = (
    """
name = "huge"
[stem]
conv3 = { width = [16, 24, 32] }
"""
    + "".join(
        f"""
[[stages]]
depth = [1, 2, 3, 4, 5, 6, 7, 8]
width = {list(range(16, 16 + 8 * 40, 8))}
stride = 1
[stages.blocks]
basic = {{ squeeze = [0.0, 0.125, 0.25] }}
inverted = {{ expand = [2, 3, 4, 5, 6], kernel = [3, 5, 7], squeeze = [0.0, 0.25] }}
"""
        for _ in range(6)
    )
    + """
[head]
dense = {}
"""
)

FRAGILE = """
name = "fragile"
[stem]
conv3 = { width = 16 }
[[stages]]
depth = [1, 2, 3]
width = [32, 48]
stride = 1
[stages.blocks]
fragile = {}
[head]
dense = {}
"""

BLOCK = '''
from search_spaces import Part, Place


class Fragile(Part):
    """A convolution that cannot be 48 wide, and does not say so before it is built."""

    def __init__(self, place: Place) -> None:
        super().__init__()
        if place.out_channels == 48:
            raise ValueError("48 channels do not fit this chip")
        self.conv = place.layers.conv((place.in_channels, place.out_channels), stride=place.stride)

    def forward(self, x):
        return self.conv(x)


BLOCKS = {"fragile": Fragile}
'''


def built(architecture: Architecture) -> float:
    return float(sum(parameter.numel() for parameter in architecture.build().parameters()))


def first_width(architecture: Architecture) -> float:
    return float(architecture.stages[0].width)


def test_a_space_of_more_points_than_an_integer_of_64_bits_is_searched() -> None:
    space = SearchSpace.from_toml(HUGE, **IMAGES)
    assert space.size > 10**20

    found = search(space, evaluate=first_width, config=SearchConfig(num_trials=6))

    assert len(found.trials) == 6
    assert found.trials["fingerprint"].is_unique


@pytest.fixture
def fragile(tmp_path: Path) -> SearchSpace:
    file = tmp_path / "fragile.py"
    file.write_text(BLOCK)
    load_plugin(file)
    return SearchSpace.from_toml(FRAGILE, **IMAGES)


def test_a_block_that_breaks_for_some_widths_costs_those_trials(fragile: SearchSpace) -> None:
    found = search(fragile, evaluate=built, config=SearchConfig(num_trials=6))

    broken = found.trials["state"] == "failed"
    assert broken.sum() == 3
    assert set(found.trials.loc[broken, "cause"]) == {"ValueError: 48 channels do not fit this chip"}
    assert found.trials.loc[broken, "parameters"].isna().all()
    assert first_width(found.best) == 32


def test_a_study_of_another_space_is_refused_and_left_alone(tmp_path: Path) -> None:
    first = SearchSpace.from_toml(HUGE, **IMAGES)
    second = SearchSpace.from_toml(HUGE.replace("[16, 24, 32]", "[16, 24]"), **IMAGES)
    explorer = Explorer(first, path=tmp_path / "study.db", config=SearchConfig(sampler="random"))
    explorer.tell(explorer.ask(), 0.5)

    with pytest.raises(ConfigChangedError, match="was searched in space"):
        Explorer(second, path=tmp_path / "study.db")

    assert Explorer(first, path=tmp_path / "study.db").trials["value"].tolist() == [0.5]


def test_a_study_of_other_objectives_is_refused(tmp_path: Path) -> None:
    space = SearchSpace.from_toml(HUGE, **IMAGES)
    Explorer(space, path=tmp_path / "study.db")

    with pytest.raises(ConfigChangedError, match="was searched for accuracy, now it is accuracy,macs"):
        Explorer(space, path=tmp_path / "study.db", config=SearchConfig(objectives=("accuracy", "macs")))
