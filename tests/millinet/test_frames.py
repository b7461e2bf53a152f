"""Frames keep their schema through CSV."""

from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from millinet.errors import RunFolderError
from millinet.frames import FRAMES, HISTORY, TRIALS, FrameSchema


@pytest.mark.parametrize("schema", FRAMES.values(), ids=FRAMES)
def test_an_empty_frame_survives_csv(schema: FrameSchema, tmp_path: Path) -> None:
    path = tmp_path / "frame.csv"

    schema.write(schema.frame(), path)

    pd.testing.assert_frame_equal(schema.read(path), schema.frame())


@pytest.mark.parametrize("schema", FRAMES.values(), ids=FRAMES)
def test_every_column_says_what_it_means_and_names_its_unit(schema: FrameSchema) -> None:
    for name, column in schema.columns.items():
        assert column.meaning
        assert not name.endswith("_ms") or column.unit == "ms"
        assert not name.endswith("_mib") or column.unit == "MiB"


@given(
    text=st.text(min_size=1).filter(lambda text: "\r" not in text and "\0" not in text),
    accuracy=st.floats(0, 1),
)
def test_text_and_numbers_come_back_as_they_were(
    text: str, accuracy: float, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("frames") / "trials.csv"
    frame = TRIALS.frame([{"trial": 3, "architecture": text, "accuracy": accuracy}, {"trial": 4}])

    TRIALS.write(frame, path)

    pd.testing.assert_frame_equal(TRIALS.read(path), frame)


def test_a_column_of_a_newer_version_is_dropped_and_a_missing_one_is_missing(tmp_path: Path) -> None:
    path = tmp_path / "history.csv"
    path.write_text("epoch,novelty\n1,9\n")

    frame = HISTORY.read(path)

    assert frame["epoch"].tolist() == [1]
    assert frame["accuracy"].isna().all()
    assert "novelty" not in frame


def test_a_file_that_is_no_frame_is_refused_in_one_line(tmp_path: Path) -> None:
    path = tmp_path / "trials.csv"
    path.write_text("trial,accuracy\none,high\n")

    with pytest.raises(RunFolderError, match="is not a trials frame"):
        TRIALS.read(path)


def test_an_unknown_column_is_an_error() -> None:
    with pytest.raises(ValueError, match="has no column"):
        TRIALS.frame([{"trail": 1}])
