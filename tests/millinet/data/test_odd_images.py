"""Every odd image a folder may hold does what its owner would expect, or is listed with a reason."""

import os
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from millinet.data import load_data
from millinet.data.images import read_header, read_image
from millinet.errors import DataError
from tests.millinet.data.painting import birds, paint


def read(path: Path, *, channels: int = 3, side: tuple[int, int] = (4, 4)) -> Tensor:
    return read_image(path, channels=channels, resolution=side)


def test_16_bits_are_scaled_and_not_cut_off(tmp_path: Path) -> None:
    path = tmp_path / "deep.png"
    Image.fromarray(np.full((4, 4), 32768, dtype=np.uint16)).save(path)

    assert read_header(path).is_grey
    assert set(read(path, channels=1).flatten().tolist()) == {128}


def test_a_palette_is_resolved_to_its_colours(tmp_path: Path) -> None:
    path = tmp_path / "palette.gif"
    Image.new("RGB", (4, 4), (255, 0, 0)).convert("P", palette=Image.Palette.ADAPTIVE).save(path)

    assert read(path)[:, 0, 0].tolist() == [255, 0, 0]


def test_cmyk_becomes_rgb(tmp_path: Path) -> None:
    path = tmp_path / "print.jpg"
    Image.new("CMYK", (4, 4), (0, 255, 255, 0)).save(path)

    red, green, blue = read(path)[:, 0, 0].tolist()
    assert red > 240
    assert green < 20
    assert blue < 20


def test_transparency_lies_on_white(tmp_path: Path) -> None:
    path = tmp_path / "icon.png"
    Image.new("RGBA", (4, 4), (10, 20, 30, 0)).save(path)

    assert read(path)[:, 0, 0].tolist() == [255, 255, 255]


def test_grey_with_transparency_lies_on_white_too(tmp_path: Path) -> None:
    path = tmp_path / "icon.png"
    Image.new("LA", (4, 4), (0, 0)).save(path)

    assert read_header(path).is_grey
    assert set(read(path, channels=1).flatten().tolist()) == {255}


def test_black_and_white_stay_so(tmp_path: Path) -> None:
    path = tmp_path / "scan.png"
    Image.new("1", (4, 4), 1).save(path)

    assert set(read(path, channels=1).flatten().tolist()) == {255}


def test_a_photograph_is_turned_as_its_camera_says(tmp_path: Path) -> None:
    path = tmp_path / "portrait.jpg"
    image = Image.new("L", (20, 10), 0)
    image.paste(255, (0, 0, 10, 10))  # the left half is white
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was turned: show it a quarter turn clockwise
    image.save(path, exif=exif)

    header = read_header(path)
    pixels = read(path, channels=1, side=(20, 10))[0]

    assert (header.height, header.width) == (20, 10)
    assert int(pixels[2, 5]) > 250
    assert int(pixels[17, 5]) < 5


def test_of_an_animation_the_first_picture_is_used_and_the_user_is_told(tmp_path: Path) -> None:
    birds(tmp_path)
    first, second = Image.new("RGB", (12, 10), (255, 0, 0)), Image.new("RGB", (12, 10), (0, 0, 255))
    first.save(tmp_path / "owl" / "moving.gif", save_all=True, append_images=[second])

    data = load_data(f"folder:{tmp_path}")

    assert read(tmp_path / "owl" / "moving.gif")[:, 0, 0].tolist() == [255, 0, 0]
    assert any(note.startswith("1 files hold several pictures") for note in data.notes)


def test_a_hundred_megapixels_are_read_small(tmp_path: Path) -> None:
    birds(tmp_path)
    Image.new("L", (10_000, 10_000), 77).save(tmp_path / "owl" / "huge.jpg")

    data = load_data(f"folder:{tmp_path},size=8")

    assert data.skipped == []
    assert sum(data.sizes().values()) == 21


def test_an_absurdly_large_image_is_listed_not_read(tmp_path: Path) -> None:
    birds(tmp_path)
    # A header that claims 40,000 x 40,000 pixels, as a decompression bomb does.
    (tmp_path / "owl" / "bomb.pgm").write_bytes(b"P5 40000 40000 255\n" + bytes(100))

    data = load_data(f"folder:{tmp_path}")

    assert len(data.skipped) == 1
    assert "owl/bomb.pgm: it has more than" in data.skipped[0]


@pytest.mark.parametrize(
    ("pixels", "reason"),
    [
        ([[0.5, float("nan")], [0.0, 1.0]], "not finite"),
        ([[0.5, float("inf")], [0.0, 1.0]], "not finite"),
        ([[-3.0, 0.0], [0.0, 1.0]], "beyond 0 to 1"),
        ([[300.0, 0.0], [0.0, 1.0]], "beyond 0 to 255"),
    ],
)
def test_floating_pixels_outside_their_scale_are_refused(
    tmp_path: Path, pixels: list[list[float]], reason: str
) -> None:
    path = tmp_path / "field.tif"
    Image.fromarray(np.array(pixels, dtype=np.float32)).save(path)

    with pytest.raises(DataError, match=reason):
        read(path, channels=1, side=(2, 2))


def test_floating_pixels_are_fractions_or_bytes(tmp_path: Path) -> None:
    fractions, numbers = tmp_path / "fractions.tif", tmp_path / "bytes.tif"
    Image.fromarray(np.full((2, 2), 1.0, dtype=np.float32)).save(fractions)
    Image.fromarray(np.full((2, 2), 200.0, dtype=np.float32)).save(numbers)

    assert set(read(fractions, channels=1, side=(2, 2)).flatten().tolist()) == {255}
    assert set(read(numbers, channels=1, side=(2, 2)).flatten().tolist()) == {200}


def test_names_that_are_not_utf8_are_read_and_shown_escaped(tmp_path: Path) -> None:
    birds(tmp_path)
    odd_class = os.fsdecode(os.fsencode(tmp_path) + b"/h\xfchner")
    Path(odd_class).mkdir()
    for number in range(10):
        paint(Path(odd_class) / f"{number}.png", seed=number)
    Path(odd_class, os.fsdecode(b"leer\xe9.jpg")).touch()

    data = load_data(f"folder:{tmp_path}")

    assert data.class_names == ("crow", r"h\xfchner", "owl")
    assert data.skipped == [r"h\xfchner/leer\xe9.jpg: the file is empty"]
    "\n".join([*data.class_names, *data.skipped, *data.notes]).encode("utf-8")


def test_other_files_are_told_and_hidden_ones_are_not(tmp_path: Path) -> None:
    birds(tmp_path)
    (tmp_path / "owl" / "notes.txt").write_text("seen at dusk")
    for number in range(2):
        (tmp_path / "owl" / f"{number}.HEIC").write_bytes(b"x")
    paint(tmp_path / "loose.png")
    (tmp_path / "owl" / ".thumbnail.png").write_bytes(b"x")
    (tmp_path / ".git").mkdir()

    data = load_data(f"folder:{tmp_path}")

    assert data.skipped == []
    assert data.num_classes == 2
    [note] = [note for note in data.notes if "left out" in note]
    assert note.startswith("4 files are no images, or in no class folder, and left out (2 .heic, ")


def test_the_parts_of_a_set_may_be_written_in_capitals(tmp_path: Path) -> None:
    birds(tmp_path / "Train")
    birds(tmp_path / "TEST", per_class=2)
    birds(tmp_path / "more")

    data = load_data(f"folder:{tmp_path}")

    assert data.class_names == ("crow", "owl")
    assert data.sizes()["test"] == 4
    assert "1 folders beside train are left out (more)" in data.notes


def test_a_second_class_without_a_readable_image_is_no_second_class(tmp_path: Path) -> None:
    for number in range(4):
        paint(tmp_path / "owl" / f"{number}.png", seed=number)
    (tmp_path / "crow").mkdir()
    (tmp_path / "crow" / "0.png").touch()

    with pytest.raises(DataError, match="got 4 of 1 classes; 1 could not be read"):
        load_data(f"folder:{tmp_path}")


def test_a_folder_without_a_readable_image_says_why_of_the_first(tmp_path: Path) -> None:
    for name in ("crow", "owl"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "0.png").touch()

    with pytest.raises(DataError, match=r"2 files tried; the first, crow/0\.png: the file is empty"):
        load_data(f"folder:{tmp_path}")


def test_images_deeper_inside_a_class_belong_to_it(tmp_path: Path) -> None:
    birds(tmp_path, per_class=4)
    paint(tmp_path / "owl" / "2024" / "may" / "0.png")

    data = load_data(f"folder:{tmp_path}")

    assert sum(data.sizes().values()) == 9


def test_a_colour_image_among_grey_ones_makes_a_colour_set(tmp_path: Path) -> None:
    birds(tmp_path, mode="L")
    paint(tmp_path / "owl" / "colour.png")

    assert load_data(f"folder:{tmp_path}").input_shape == (3, 10, 12)


def test_channels_may_be_asked_for(tmp_path: Path) -> None:
    data = load_data(f"folder:{birds(tmp_path)},channels=1")

    assert data.input_shape == (1, 10, 12)
    assert torch.is_tensor(data.train.images)


def test_a_class_missing_in_a_given_part_is_told(tmp_path: Path) -> None:
    birds(tmp_path / "train")
    paint(tmp_path / "val" / "owl" / "0.png")
    birds(tmp_path / "test", per_class=1)

    data = load_data(f"folder:{tmp_path}")

    assert "1 of 2 classes have no image in the validation split: crow" in data.notes


def test_a_given_part_whose_images_are_all_broken_is_made_of_training_images(tmp_path: Path) -> None:
    birds(tmp_path / "train")
    (tmp_path / "val" / "owl").mkdir(parents=True)
    (tmp_path / "val" / "owl" / "0.png").touch()

    data = load_data(f"folder:{tmp_path}")

    assert data.sizes()["validation"] > 0
    assert len(data.skipped) == 1
