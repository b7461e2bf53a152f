import json
from pathlib import Path

import pytest
import torch

from millinet.data import DataSet, load_data, placement
from millinet.data.feed import DiskFeed, HostFeed, ResidentFeed, deal, make_feed
from millinet.data.memory import fits_in_memory
from millinet.errors import ConfigError, DataError
from millinet.training import Recipe, evaluate, fit
from tests.millinet.data.painting import birds

CPU = torch.device("cpu")


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache"


def both(root: Path) -> tuple[DataSet, DataSet]:
    birds(root)
    (root / "owl" / "broken.png").write_bytes(b"no image")
    return load_data(f"folder:{root}"), load_data(f"folder:{root},memory=0")


def test_a_streamed_set_is_the_same_set(tmp_path: Path, cache: Path) -> None:
    held, streamed = both(tmp_path / "birds")

    assert held.train.is_in_memory
    assert not streamed.train.is_in_memory
    assert streamed.sizes() == held.sizes()
    assert streamed.skipped == held.skipped
    assert streamed.mean == pytest.approx(held.mean)
    assert streamed.std == pytest.approx(held.std)
    assert torch.equal(streamed.test.pixels(torch.arange(4)), held.test.images)
    assert torch.equal(streamed.test.labels, held.test.labels)


def test_the_user_is_told_where_the_images_are(tmp_path: Path, cache: Path) -> None:
    held, streamed = both(tmp_path / "birds")

    assert any("are held in memory" in note for note in held.notes)
    assert any("are read from disk when needed" in note for note in streamed.notes)
    assert placement(held.train, CPU) == "device"
    assert placement(streamed.train, CPU) == "disk"


@pytest.mark.parametrize("num_workers", [0, 2])
def test_every_feed_delivers_the_same_batches_again_and_again(
    tmp_path: Path, cache: Path, num_workers: int
) -> None:
    held, streamed = both(tmp_path / "birds")
    feeds = [
        ResidentFeed(held.train, CPU),
        HostFeed(held.train, CPU),
        DiskFeed(streamed.train, CPU, num_workers=num_workers),
    ]

    for seed in range(2):
        order = torch.randperm(13, generator=torch.Generator().manual_seed(seed))
        chosen = deal(order, 5)
        delivered = [list(feed(chosen)) for feed in feeds]
        for (images, labels), (host, host_labels), (disk, disk_labels) in zip(*delivered, strict=True):
            assert torch.equal(images, host)
            assert torch.equal(images, disk)
            assert torch.equal(labels, host_labels)
            assert torch.equal(labels, disk_labels)


def test_training_on_a_streamed_set_gives_the_same_weights(tmp_path: Path, cache: Path) -> None:
    held, streamed = both(tmp_path / "birds")
    weights = []
    for data in (held, streamed):
        torch.manual_seed(0)
        model = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(360, 2))
        fit(model, data, Recipe(epochs=2, batch_size=5, learning_rate=0.01), device="cpu")
        evaluate(model, data.test, data=data)
        weights.append(model[1].weight)

    torch.testing.assert_close(weights[0], weights[1])


def test_a_second_look_is_remembered_until_a_file_changes(tmp_path: Path, cache: Path) -> None:
    root = birds(tmp_path / "birds")
    load_data(f"folder:{root},memory=0")
    [store] = (cache / "millinet" / "scans").iterdir()
    content = json.loads(store.read_text())
    content["reasons"] = {"0": "remembered"}
    content["moments"] = content["moments"][1:]
    store.write_text(json.dumps(content))

    again = load_data(f"folder:{root},memory=0")
    (root / "owl" / "0.png").write_bytes((root / "owl" / "1.png").read_bytes())
    changed = load_data(f"folder:{root},memory=0")

    assert again.skipped == ["crow/0.png: remembered"]
    assert changed.skipped == []


def test_a_file_that_vanishes_later_is_named(tmp_path: Path, cache: Path) -> None:
    _, streamed = both(tmp_path / "birds")
    for path in (tmp_path / "birds" / "owl").iterdir():
        path.unlink()

    with pytest.raises(DataError, match="was readable before and is not now"):
        streamed.train.pixels(torch.arange(13))


def test_batches_are_dealt_evenly() -> None:
    assert [len(batch) for batch in deal(torch.arange(101), 100)] == [51, 50]
    assert [len(batch) for batch in deal(torch.arange(7), 3)] == [3, 2, 2]
    assert [len(batch) for batch in deal(torch.arange(7), 2)] == [3, 2, 2]
    assert [len(batch) for batch in deal(torch.arange(3), 1)] == [1, 1, 1]


def test_a_batch_holds_an_image() -> None:
    with pytest.raises(ConfigError, match="batch_size must be at least 1, got 0"):
        deal(torch.arange(4), 0)


def test_memory_is_limited_by_what_is_asked() -> None:
    assert fits_in_memory(2**20, limit_mib=1.0)
    assert not fits_in_memory(2**20 + 1, limit_mib=1.0)
    assert not fits_in_memory(2**60)


def test_the_feed_follows_the_placement(tmp_path: Path, cache: Path) -> None:
    held, streamed = both(tmp_path / "birds")

    assert isinstance(make_feed(held.train, CPU), ResidentFeed)
    assert isinstance(make_feed(streamed.train, CPU), DiskFeed)


@pytest.mark.parametrize("num_workers", [0, 1])
def test_a_file_that_breaks_while_training_goes_on_is_one_line(
    tmp_path: Path, cache: Path, num_workers: int
) -> None:
    _, streamed = both(tmp_path / "birds")
    feed = DiskFeed(streamed.train, CPU, num_workers=num_workers)
    for path in (tmp_path / "birds").rglob("*.png"):
        path.write_bytes(b"")

    with pytest.raises(DataError, match=r"^/.*\.png was readable before and is not now: the file is empty$"):
        list(feed(deal(torch.arange(13), 5)))


def test_a_set_is_read_where_nothing_can_be_remembered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "cache").write_text("a file where the folder should be")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))

    _, streamed = both(tmp_path / "birds")

    assert len(streamed.train) == 13
