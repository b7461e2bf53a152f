"""An address opens a storage that many use, and its password stays with those who need it."""

import os
from pathlib import Path

import pytest

from millinet.errors import ConfigError
from nas.address import VARIABLE, connect, keep_to_itself, read_url
from nas.patience import Patience


def test_a_file_waits_for_others_and_writes_ahead(tmp_path: Path) -> None:
    storage = connect(tmp_path / "study.db", patience=Patience())

    with storage.shared.engine.connect() as connection:
        found = [
            connection.exec_driver_sql(f"PRAGMA {name}").scalar_one()
            for name in ("journal_mode", "synchronous", "busy_timeout")
        ]

    normal = 1
    assert found == ["wal", normal, 60_000]
    storage.close()


@pytest.mark.parametrize(
    "text",
    [
        "mysql://me:s3cret@db/trials",
        "mysql://me:s3/cret@db/trials",
        "postgresql://me:s3cret",
        "postgresql://me:s3cret/cret",
        "host=db user=me password=s3cret",
        "postgresql+psycopg//me:s3cret@db/trials?password=s3cret",
    ],
)
def test_an_address_that_cannot_be_used_is_refused_without_its_password(text: str) -> None:
    with pytest.raises(ConfigError, match="--storage takes") as raised:
        read_url(text)

    assert "s3c" not in str(raised.value)
    assert raised.value.__suppress_context__ or raised.value.__context__ is None


def test_what_a_process_starts_does_not_inherit_the_address(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, "postgresql://me:s3cret@db/trials")

    keep_to_itself(os.environ[VARIABLE])

    assert VARIABLE not in os.environ
