import json
import sys
from pathlib import Path

import pytest

from millinet.errors import ConfigError
from millinet.training import EpochRecord
from millinet.training.progress import EpochLines, JsonLines, TensorBoard, clock, together

RECORD = EpochRecord(
    epoch=2, learning_rate=0.1, train_loss=0.5, accuracy=0.9375, images_per_second=12345.6, seconds=30.0
)


def test_a_line_says_epoch_loss_accuracy_speed_and_what_is_left() -> None:
    said: list[str] = []

    EpochLines(4, said.append)(RECORD)

    assert said == ["epoch 2/4  loss 0.5000  accuracy 0.9375  12,346 images/s  1:00 left"]


def test_one_line_of_json_an_epoch(tmp_path: Path) -> None:
    log = JsonLines(tmp_path / "run" / "epochs.jsonl")

    log(RECORD._replace(epoch=1))
    log(RECORD)

    lines = (tmp_path / "run" / "epochs.jsonl").read_text().splitlines()
    assert [json.loads(line) for line in lines] == [RECORD._replace(epoch=1)._asdict(), RECORD._asdict()]


def test_an_epoch_that_is_trained_again_takes_the_place_of_its_line(tmp_path: Path) -> None:
    path = tmp_path / "epochs.jsonl"
    log = JsonLines(path)
    for epoch in (1, 2, 3):
        log(RECORD._replace(epoch=epoch))
    with path.open("a") as stream:
        stream.write('{"epoch": 4, "lear')  # the machine lost power

    JsonLines(path)(RECORD._replace(epoch=2, accuracy=0.5))

    told = [json.loads(line) for line in path.read_text().splitlines()]
    assert [(line["epoch"], line["accuracy"]) for line in told] == [(1, 0.9375), (2, 0.5)]


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.2, "0:00"), (61, "1:01"), (3600, "1:00:00"), (7384, "2:03:04")]
)
def test_durations_read_like_a_clock(seconds: float, text: str) -> None:
    assert clock(seconds) == text


def test_every_listener_is_told_and_any_may_end_the_training() -> None:
    told: list[str] = []

    def first(record: EpochRecord) -> bool:
        told.append("first")
        return True

    def second(record: EpochRecord) -> None:
        told.append("second")

    assert together([first, second])(RECORD)
    assert not together([second])(RECORD)
    assert told == ["first", "second", "second"]


def test_tensorboard_is_an_extra_and_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)

    with pytest.raises(ConfigError, match=r"pip install 'millinet\[tensorboard\]'"):
        TensorBoard(tmp_path)


def test_tensorboard_files_hold_the_accuracy(tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    TensorBoard(tmp_path)(RECORD)

    events = EventAccumulator(str(tmp_path)).Reload()
    assert events.Scalars("accuracy")[0].value == pytest.approx(0.9375)
    assert events.Scalars("accuracy")[0].step == 2
