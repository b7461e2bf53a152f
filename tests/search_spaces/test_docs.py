"""docs/spaces.md names everything there is, and gives the sizes there are."""

from pathlib import Path

import pytest

from search_spaces import BLOCKS, HEADS, NETWORKS, STEMS, load_space
from search_spaces.options import options_of

DOCS = Path(__file__).parents[2] / "docs" / "spaces.md"
TEXT = DOCS.read_text(encoding="utf-8")


@pytest.mark.parametrize("name", [*BLOCKS, *STEMS, *HEADS, *NETWORKS])
def test_it_is_named(name: str) -> None:
    assert f"`{name}`" in TEXT


@pytest.mark.parametrize("name", [*BLOCKS, *STEMS, *HEADS])
def test_its_options_are_named(name: str) -> None:
    part = {**BLOCKS, **STEMS, **HEADS}[name]

    assert [option for option in options_of(part) if f"`{option}`" not in TEXT] == []


@pytest.mark.parametrize("preset", ["tiny", "small", "resnet", "mobile", "convnet"])
def test_the_sizes_are_those_of_the_presets(preset: str) -> None:
    sizes = [f"{load_space(preset, resolution=side).size:.3g}" for side in ((32, 32), (224, 224))]

    line = next(line for line in TEXT.splitlines() if line.startswith(f"| `{preset}` "))
    assert all(size in line for size in sizes), sizes
