"""Sets by torchvision's names, tables of files, and factories of the user's own."""

import gzip
import pickle
import struct
from collections.abc import Callable
from hashlib import md5
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torchvision import datasets

from millinet.data import load_data
from millinet.data.torchvision_sets import SETS
from millinet.errors import DataError, UnknownNameError
from tests.millinet.data.painting import birds, paint


def write_idx(root: Path, name: str, counts: dict[str, int]) -> None:
    """Write files of the MNIST form: magic number, sizes, bytes."""
    raw = root / name / "raw"
    raw.mkdir(parents=True)
    for part, count in counts.items():
        pixels = np.random.default_rng(0).integers(0, 256, (count, 28, 28), dtype=np.uint8)
        labels = (np.arange(count) % 10).astype(np.uint8)
        (raw / f"{part}-images-idx3-ubyte").write_bytes(
            struct.pack(">IIII", 2051, count, 28, 28) + pixels.tobytes()
        )
        (raw / f"{part}-labels-idx1-ubyte").write_bytes(struct.pack(">II", 2049, count) + labels.tobytes())


@pytest.mark.parametrize(("name", "folder"), [("mnist", "MNIST"), ("fashion-mnist", "FashionMNIST")])
def test_sets_of_the_mnist_form_are_read_from_disk(tmp_path: Path, name: str, folder: str) -> None:
    write_idx(tmp_path, folder, {"train": 100, "t10k": 20})

    data = load_data(f"{name}:{tmp_path}")

    assert data.sizes() == {"train": 85, "validation": 15, "test": 20}
    assert data.input_shape == (1, 28, 28)
    assert data.num_classes == 10


def test_cifar10_is_read_from_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "cifar-10-batches-py"
    folder.mkdir()
    rng = np.random.default_rng(0)
    sums = {}
    batches = [*(f"data_batch_{index}" for index in range(1, 6)), "test_batch"]
    for name in batches:
        content = {"data": rng.integers(0, 256, (20, 3072), dtype=np.uint8), "labels": [*range(10)] * 2}
        (folder / name).write_bytes(pickle.dumps(content))
        sums[name] = md5((folder / name).read_bytes(), usedforsecurity=False).hexdigest()
    (folder / "batches.meta").write_bytes(pickle.dumps({"label_names": [f"class{i}" for i in range(10)]}))
    meta_sum = md5((folder / "batches.meta").read_bytes(), usedforsecurity=False).hexdigest()
    # The real files are 170 MB; these have their form, so only the checksums are put in their place.
    monkeypatch.setattr(datasets.CIFAR10, "train_list", [[name, sums[name]] for name in batches[:-1]])
    monkeypatch.setattr(datasets.CIFAR10, "test_list", [["test_batch", sums["test_batch"]]])
    monkeypatch.setattr(datasets.CIFAR10, "meta", datasets.CIFAR10.meta | {"md5": meta_sum})

    data = load_data(f"cifar10:{tmp_path}")

    assert data.sizes() == {"train": 85, "validation": 15, "test": 20}
    assert data.input_shape == (3, 32, 32)
    assert data.invariances.has_mirror


@pytest.mark.parametrize("name", SETS)
def test_a_set_that_is_not_there_says_how_to_get_it(tmp_path: Path, name: str) -> None:
    with pytest.raises(DataError, match=rf"{name} is not in .*{name}:ROOT.*,download=yes"):
        load_data(f"{name}:{tmp_path}")


def test_a_foreign_pickle_in_the_place_of_cifar_is_never_opened(tmp_path: Path) -> None:
    folder = tmp_path / "cifar-10-batches-py"
    folder.mkdir()
    for name in [*(f"data_batch_{index}" for index in range(1, 6)), "test_batch", "batches.meta"]:
        (folder / name).write_bytes(gzip.compress(b"evil"))

    with pytest.raises(DataError, match="cifar10 is not in"):
        load_data(f"cifar10:{tmp_path}")


def table(root: Path, text: str) -> str:
    (root / "labels.csv").write_text(text, encoding="utf-8")
    return f"csv:{root / 'labels.csv'}"


def rows(root: Path) -> str:
    birds(root)
    return "".join(f"{name}/{number}.png,{name}\n" for name in ("crow", "owl") for number in range(10))


def test_a_table_of_paths_and_labels_is_read(tmp_path: Path) -> None:
    data = load_data(table(tmp_path, "path,label\n" + rows(tmp_path)))

    assert data.class_names == ("crow", "owl")
    assert data.sizes() == {"train": 13, "validation": 3, "test": 4}


def test_a_table_may_say_the_split(tmp_path: Path) -> None:
    listed = rows(tmp_path).splitlines()
    parts = ["train"] * 6 + ["val"] * 2 + ["test"] * 2
    text = "".join(f"{row},{part}\n" for row, part in zip(listed, parts * 2, strict=True))

    data = load_data(table(tmp_path, "path,label,split\n" + text))

    assert data.sizes() == {"train": 12, "validation": 4, "test": 4}


def test_labels_that_are_numbers_are_ordered_by_value(tmp_path: Path) -> None:
    text = "".join(f"crow/{number}.png,{label}\n" for number, label in enumerate([10, 9, 2] * 3))
    birds(tmp_path)

    assert load_data(table(tmp_path, "path,label\n" + text)).class_names == ("2", "9", "10")


def test_a_file_that_a_table_names_and_that_is_not_there_is_listed(tmp_path: Path) -> None:
    data = load_data(table(tmp_path, "path,label\n" + rows(tmp_path) + "owl/flown.png,owl\n"))

    assert data.skipped == ["owl/flown.png: there is no such file"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("file,class\na,b\n", "needs the columns path and label"),
        ("path,label\na.png,\n", "line 2 .* has none"),
        ("path,label,split\na.png,owl,holdout\n", "got 'holdout'"),
        ("", "no CSV table"),
        ("path,label\n", "no readable image"),
        ("path,label\ngone.png,owl\n", r"the first, gone\.png: there is no such file"),
        ("path,label\na.png,owl,night\n", "2 columns in its first line and more below"),
        ("path,label\na.png,owl\nb.png,owl\na.png,crow\n", "'a.png' is 'owl' in line 2 .* 'crow' in line 4"),
    ],
)
def test_a_table_that_cannot_be_meant_is_one_line(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        load_data(table(tmp_path, text))


def test_blanks_around_a_label_make_no_class_of_their_own(tmp_path: Path) -> None:
    text = rows(tmp_path).replace("1.png,owl", "1.png, owl ")

    assert load_data(table(tmp_path, "path,label\n" + text)).class_names == ("crow", "owl")


def test_a_row_that_stands_twice_counts_once(tmp_path: Path) -> None:
    text = rows(tmp_path)
    other = text.replace("crow/", "./crow/")

    assert sum(load_data(table(tmp_path, "path,label\n" + text + other)).sizes().values()) == 20


def test_a_missing_table_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"existing file, got .*labels\.csv"):
        load_data(f"csv:{tmp_path / 'labels.csv'}")


class Waves:
    """Three-class five-channel images, as a user's Dataset may hold them."""

    classes = ("slow", "medium", "fast")

    def __init__(self, count: int = 30) -> None:
        self.count = count

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        pixels = np.full((5, 6, 7), index, dtype=np.float32)
        if index == 4:
            pixels[0, 0, 0] = np.nan
        return pixels, index % 3


def waves() -> Waves:
    return Waves()


def parted() -> dict[str, Waves]:
    return {"train": Waves(), "test": Waves(9)}


def wrong_label() -> list[tuple[torch.Tensor, int]]:
    return [(torch.zeros(1, 2, 2), label) for label in (0, 1, -1)]


def named_label() -> list[tuple[torch.Tensor, str]]:
    return [(torch.zeros(1, 2, 2), "owl")] * 3


def uneven() -> list[tuple[torch.Tensor, int]]:
    return [(torch.zeros(1, 2, 2), 0), (torch.zeros(1, 3, 2), 1)]


def endless() -> object:
    return iter([])


def broken() -> None:
    raise ZeroDivisionError("of mine")


def nothing() -> list[object]:
    return []


def pictures() -> list[tuple[Image.Image, int]]:
    return [(Image.new("L" if index % 2 else "RGB", (8 + index, 9)), index % 2) for index in range(20)]


class Torn(Waves):
    """One of its files cannot be read."""

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        if index == 5:
            raise OSError("image file is truncated")
        return super().__getitem__(index)


def torn() -> Torn:
    return Torn()


def gone() -> Torn:
    torn = Torn(6)
    torn.__class__ = type("Gone", (Torn,), {"__getitem__": lambda self, index: {}["path"]})
    return torn


def boxed_label() -> list[tuple[torch.Tensor, torch.Tensor]]:
    return [(torch.zeros(1, 2, 2), torch.tensor([index % 2])) for index in range(20)]


def one_hot() -> list[tuple[torch.Tensor, torch.Tensor]]:
    return [(torch.zeros(1, 2, 2), torch.eye(3)[0])]


def channels_last() -> list[tuple[np.ndarray, int]]:
    return [(np.zeros((32, 48, 3), dtype=np.uint8), 0)]


def triple() -> list[tuple[torch.Tensor, int, str]]:
    return [(torch.zeros(1, 2, 2), 0, "owl.png")]


def fields() -> list[dict[str, object]]:
    return [{"image": torch.zeros(1, 2, 2), "label": 0}]


def file_name() -> list[tuple[str, int]]:
    return [("owl.png", 0)]


MODULE = "tests.millinet.data.test_sources"


def test_a_factory_of_the_users_own_may_have_any_channels(tmp_path: Path) -> None:
    data = load_data(f"{MODULE}:waves")

    assert data.input_shape == (5, 6, 7)
    assert data.class_names == ("slow", "medium", "fast")
    assert data.train.images.dtype == torch.float32
    assert sum(data.sizes().values()) == 29
    assert data.normalise(data.train.images).mean().item() == pytest.approx(0.0, abs=1e-4)


def test_items_with_pixels_that_are_not_finite_are_listed() -> None:
    assert load_data(f"{MODULE}:waves").skipped == [
        f"{MODULE}:waves item 00000004: it holds pixels that are not finite (NaN or infinity)"
    ]


def test_an_item_that_raises_is_listed_and_the_others_are_read() -> None:
    data = load_data(f"{MODULE}:torn")

    assert f"{MODULE}:torn item 00000005: it raised OSError: image file is truncated" in data.skipped
    assert sum(data.sizes().values()) == 28


def test_pictures_of_many_sizes_are_brought_together_where_a_size_is_given() -> None:
    data = load_data(f"{MODULE}:pictures,size=6,channels=3")

    assert data.input_shape == (3, 6, 6)
    assert sum(data.sizes().values()) == 20


def test_a_label_may_be_a_tensor_of_one_number() -> None:
    assert load_data(f"{MODULE}:boxed_label").num_classes == 2


def test_a_factory_may_bring_its_parts() -> None:
    assert load_data(f"{MODULE}:parted").sizes() == {"train": 25, "validation": 4, "test": 8}


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("wrong_label", r"labels must be in \[0, 2\), got -1"),
        ("named_label", "must be an integer from 0, got 'owl'"),
        ("uneven", "must be alike.*,size=N"),
        ("one_hot", r"integer from 0, got a Tensor of shape \(3,\)"),
        ("channels_last", r"item 00000000: .* looks like \(height, width, channels\)"),
        ("triple", r"must be \(image, label\), got a tuple of 3"),
        ("fields", r"must be \(image, label\), got a dict of 2"),
        ("file_name", "a picture, a tensor or an array, got 'owl.png'"),
        ("gone", "no usable image .*raised KeyError"),
        ("endless", "with a length"),
        ("broken", "raised ZeroDivisionError: of mine"),
        ("nothing", "no usable image"),
        ("missing", "has no function 'missing'"),
    ],
)
def test_a_factory_that_does_something_else_is_one_line(name: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        load_data(f"{MODULE}:{name}")


def test_a_module_that_is_not_there_is_an_unknown_set() -> None:
    with pytest.raises(UnknownNameError, match="known: "):
        load_data("nowhere.at.all:factory")


@pytest.mark.parametrize(
    ("options", "shape"),
    [("size=16", (1, 16, 16)), ("channels=3", (3, 8, 8)), ("size=4,channels=3", (3, 4, 4))],
)
def test_size_and_channels_of_any_set_may_be_asked_for(options: str, shape: tuple[int, int, int]) -> None:
    assert load_data(f"digits,{options}").input_shape == shape


def test_whether_a_mirrored_image_keeps_its_label_may_be_said() -> None:
    assert load_data("digits,mirror=yes").invariances.has_mirror
    assert not load_data("digits").invariances.has_mirror


@pytest.mark.parametrize("fill", [paint])
def test_one_large_class_and_one_of_two_images_split_without_loss(
    tmp_path: Path, fill: Callable[..., None]
) -> None:
    for number in range(30):
        fill(tmp_path / "common" / f"{number}.png", seed=number)
    for number in range(2):
        fill(tmp_path / "rare" / f"{number}.png", seed=100 + number)

    data = load_data(f"folder:{tmp_path}")

    assert sum(data.sizes().values()) == 32
    assert data.train.class_counts(2)[1] >= 1
