"""The database that the fault tests run against starts on any machine."""

from pathlib import Path

import psycopg
import pytest

from tests.faults.postgres import Server, running_server


def test_without_a_postgresql_of_the_machine_the_one_of_the_pip_package_starts(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))

    with running_server() as server, psycopg.connect(server.url.replace("+psycopg", "")) as connection:
        (version,) = connection.execute("SHOW server_version").fetchone() or ("",)

    assert int(version.partition(".")[0]) >= 14


def test_a_machine_with_neither_says_what_is_missing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr("tests.faults.postgres.find_spec", lambda _: None)

    with pytest.raises(RuntimeError, match="put initdb, pg_ctl, postgres on the PATH, or pip install"):
        Server.create(tmp_path / "server", survives_power_loss=False)
