from pathlib import Path

import pytest

from millinet.data import DATASETS, load_data
from millinet.errors import DataError

DOCUMENT = Path(__file__).parents[2] / "docs" / "data.md"


@pytest.mark.parametrize("name", DATASETS)
def test_a_place_that_is_not_there_is_one_line(name: str, tmp_path: Path) -> None:
    with pytest.raises(DataError) as caught:
        load_data(f"{name}:{tmp_path / 'nowhere'}")

    assert len(str(caught.value).splitlines()) == 1
    assert "nowhere" in str(caught.value)


@pytest.mark.parametrize("name", DATASETS)
def test_every_data_set_is_documented(name: str) -> None:
    assert f"`{name}" in DOCUMENT.read_text(encoding="utf-8")
