"""Mean and deviation of a set are computed once, and again where nothing usable is remembered."""

from pathlib import Path

import pytest
import torch

from millinet.data import Split
from millinet.data.moments import FEWEST, known_moments


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path / "millinet" / "moments"


def grey(value: int, *, count: int = FEWEST) -> Split:
    """Make images of which half are black and half of one grey."""
    images = torch.zeros(count, 1, 2, 2, dtype=torch.uint8)
    images[: count // 2] = value
    return Split(images, torch.zeros(count, dtype=torch.int64))


def test_the_moments_are_those_worked_out_by_hand() -> None:
    mean, std = known_moments(grey(255), fingerprint="a")

    assert mean == pytest.approx((0.5,))
    assert std == pytest.approx((0.5,))


def test_what_was_computed_once_is_not_computed_again() -> None:
    first = known_moments(grey(255), fingerprint="a")

    # Other pixels under the same name are not looked at; under another name they are.
    assert known_moments(grey(51), fingerprint="a") == first
    assert known_moments(grey(51), fingerprint="b")[0] == pytest.approx((0.1,))


@pytest.mark.parametrize("content", ["", "{", "[1, 2, 3]", '[["a"], ["b"]]'])
def test_what_cannot_be_used_is_computed_again(cache: Path, content: str) -> None:
    cache.mkdir(parents=True)
    (cache / "a.json").write_text(content)

    assert known_moments(grey(255), fingerprint="a")[0] == pytest.approx((0.5,))


def test_of_few_images_nothing_is_kept(cache: Path) -> None:
    known_moments(grey(255, count=10), fingerprint="a")

    assert not cache.exists()
