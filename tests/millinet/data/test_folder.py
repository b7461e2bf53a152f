from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from millinet.data import load_data
from millinet.errors import DataError
from tests.millinet.data.painting import birds, paint


def test_one_tree_is_split_by_class(tmp_path: Path) -> None:
    data = load_data(f"folder:{birds(tmp_path)}")

    assert data.class_names == ("crow", "owl")
    assert data.sizes() == {"train": 13, "validation": 3, "test": 4}
    assert data.test.class_counts(2) == [2, 2]
    assert data.input_shape == (3, 10, 12)


def test_parts_that_are_given_are_kept(tmp_path: Path) -> None:
    birds(tmp_path / "train", per_class=5)
    birds(tmp_path / "val", per_class=2)
    birds(tmp_path / "test", per_class=3)

    assert load_data(f"folder:{tmp_path}").sizes() == {"train": 10, "validation": 4, "test": 6}


def test_a_missing_validation_part_is_split_from_training(tmp_path: Path) -> None:
    birds(tmp_path / "train", per_class=10)
    birds(tmp_path / "test", per_class=3)

    assert load_data(f"folder:{tmp_path}").sizes() == {"train": 17, "validation": 3, "test": 6}


def test_pixels_arrive_as_they_are(tmp_path: Path) -> None:
    birds(tmp_path / "train", per_class=3)
    birds(tmp_path / "val", per_class=1)
    birds(tmp_path / "test", per_class=1)

    first = load_data(f"folder:{tmp_path}").train.images[0]

    expected = np.asarray(Image.open(tmp_path / "train" / "crow" / "0.png")).transpose(2, 0, 1)
    assert torch.equal(first, torch.from_numpy(expected.copy()))


def test_a_grey_set_has_one_channel(tmp_path: Path) -> None:
    assert load_data(f"folder:{birds(tmp_path, mode='L')}").input_shape == (1, 10, 12)


def test_corrupt_files_are_listed_and_left_out(tmp_path: Path) -> None:
    birds(tmp_path)
    (tmp_path / "owl" / "empty.jpg").touch()
    (tmp_path / "owl" / "text.png").write_text("no image")
    whole = (tmp_path / "owl" / "0.png").read_bytes()
    (tmp_path / "owl" / "cut.png").write_bytes(whole[: len(whole) // 2])

    data = load_data(f"folder:{tmp_path}")

    assert sum(data.sizes().values()) == 20
    assert [line.split(":")[0] for line in sorted(data.skipped)] == [
        "owl/cut.png",
        "owl/empty.jpg",
        "owl/text.png",
    ]
    assert any("the file is empty" in line for line in data.skipped)


def test_images_that_differ_in_size_are_brought_to_one(tmp_path: Path) -> None:
    birds(tmp_path)
    paint(tmp_path / "owl" / "large.png", size=(300, 200))

    data = load_data(f"folder:{tmp_path}")

    assert data.input_shape == (3, 32, 32)
    assert "2 image sizes brought to 32x32" in data.notes[0]


def test_the_size_may_be_asked_for(tmp_path: Path) -> None:
    assert load_data(f"folder:{birds(tmp_path)},size=16").input_shape == (3, 16, 16)


def test_a_class_with_one_image_trains_with_it_and_the_user_is_told(tmp_path: Path) -> None:
    birds(tmp_path)
    paint(tmp_path / "rare" / "0.png")

    data = load_data(f"folder:{tmp_path}")

    assert data.train.class_counts(3)[2] == 1
    assert any("no image in the test split: rare" in note for note in data.notes)


@pytest.mark.parametrize("content", ["nothing", "empty classes", "one class"])
def test_a_folder_without_two_classes_of_images_is_refused(tmp_path: Path, content: str) -> None:
    if content == "empty classes":
        (tmp_path / "a").mkdir()
        (tmp_path / "b").mkdir()
    if content == "one class":
        paint(tmp_path / "a" / "0.png")

    with pytest.raises(DataError, match=r"at least 2|no readable image"):
        load_data(f"folder:{tmp_path}")


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"takes an existing folder, got .*nowhere"):
        load_data(f"folder:{tmp_path / 'nowhere'}")
