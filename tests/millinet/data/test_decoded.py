"""Many image files are decoded once, and again only when one of them has changed."""

import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from millinet.data import load_data
from millinet.data.decoded import FEWEST, MOST_SETS
from tests.millinet.data.painting import paint


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "millinet" / "images"


@pytest.fixture
def many(tmp_path: Path) -> Path:
    """Just as many files as are kept, in two classes."""
    root = tmp_path / "many"
    for label, name in enumerate(("crow", "owl")):
        paint(root / name / "0000.png", seed=label, size=(4, 4))
        for number in range(1, FEWEST // 2):
            shutil.copyfile(root / name / "0000.png", root / name / f"{number:04d}.png")
    return root


def brighten(store: Path) -> None:
    """Change what is kept, so that a test can tell it from what lies in the files."""
    reading = _metadata(store)
    save_file({"images": torch.full_like(load_file(store)["images"], 255)}, store, metadata=reading)


def _metadata(store: Path) -> dict[str, str]:
    from safetensors import safe_open

    with safe_open(store, framework="pt") as content:
        return dict(content.metadata())


def test_the_second_start_reads_the_pixels_and_not_the_files(many: Path, cache: Path) -> None:
    first = load_data(f"folder:{many}")
    [store] = cache.iterdir()
    brighten(store)

    second = load_data(f"folder:{many}")

    assert second.sizes() == first.sizes()
    assert second.notes == first.notes
    assert torch.equal(second.train.labels, first.train.labels)
    assert int(second.train.images.min()) == 255


def test_a_changed_file_makes_the_memory_void(many: Path, cache: Path) -> None:
    (many / "owl" / "broken.png").write_bytes(b"no image")
    first = load_data(f"folder:{many}")
    [store] = cache.iterdir()
    brighten(store)
    (many / "owl" / "broken.png").write_bytes((many / "owl" / "0000.png").read_bytes())

    second = load_data(f"folder:{many}")

    assert first.skipped == ["owl/broken.png: it is no image in a known format"]
    assert second.skipped == []
    assert int(second.train.images.min()) < 255


def test_another_size_is_another_memory(many: Path, cache: Path) -> None:
    load_data(f"folder:{many}")

    assert load_data(f"folder:{many},size=2").input_shape == (3, 2, 2)
    assert len(list(cache.iterdir())) == 2


def test_broken_memory_is_no_memory(many: Path, cache: Path) -> None:
    first = load_data(f"folder:{many}")
    [store] = cache.iterdir()
    store.write_bytes(store.read_bytes()[:100])

    second = load_data(f"folder:{many}")

    assert second.fingerprint == first.fingerprint


def test_only_the_latest_sets_are_kept(many: Path, cache: Path) -> None:
    for side in range(1, MOST_SETS + 3):
        load_data(f"folder:{many},size={side}")

    assert len(list(cache.iterdir())) == MOST_SETS


def test_few_files_are_not_kept(many: Path, cache: Path) -> None:
    for number in range(1, 10):
        (many / "owl" / f"{number:04d}.png").unlink()

    load_data(f"folder:{many}")

    assert not cache.exists()


def test_where_nothing_can_be_written_the_user_is_told(
    many: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))

    data = load_data(f"folder:{many}")

    assert any("every start decodes the images anew" in note for note in data.notes)


def test_mean_and_deviation_are_computed_once_for_a_set(many: Path, cache: Path) -> None:
    for name in ("crow", "owl"):
        for number in range(FEWEST // 2, FEWEST):
            shutil.copyfile(many / name / "0000.png", many / name / f"{number:04d}.png")
    first = load_data(f"folder:{many}")
    [store] = (cache.parent / "moments").iterdir()

    store.write_text("[[0.25, 0.5, 0.75], [1.0, 2.0, 3.0]]")
    second = load_data(f"folder:{many}")
    other = load_data(f"folder:{many}", seed=1)

    assert (second.mean, second.std) == ((0.25, 0.5, 0.75), (1.0, 2.0, 3.0))
    assert other.mean == pytest.approx(first.mean, abs=0.01)
