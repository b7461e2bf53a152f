"""From the address of a storage to a storage that works, whoever else opens it in the same instant."""

import os
import sqlite3
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import sqlalchemy
import sqlalchemy.exc
from sqlalchemy.engine import URL, make_url

from millinet.errors import ConfigError, RunFolderError
from millinet.masking import hide_from_title, masked
from nas.identity import this_worker
from nas.patience import Patience, database_error
from nas.patient_storage import PatientStorage
from nas.shared_storage import COLUMNS, SharedStorage

VARIABLE: Final = "MILLINET_STORAGE"
"""Environment variable that holds the address, so that its password need not stand on a command line."""


def _settle(connection: sqlite3.Connection, _: object) -> None:
    connection.execute("PRAGMA journal_mode=WAL")
    # In write-ahead mode NORMAL loses no transaction when the program crashes, and no integrity when the
    # machine does; it saves a wait for the disk at every commit.
    connection.execute("PRAGMA synchronous=NORMAL")


_FILE: Final[Mapping[str, Any]] = {
    "connect_args": {"timeout": 60},
    "pool_events": [(_settle, "connect")],
}
_POSTGRES_SESSION: Final = {
    "connect_timeout": 10,
    # A machine that vanishes sends no farewell; these notice within a minute.
    "keepalives_idle": 20,
    "keepalives_interval": 10,
    "keepalives_count": 4,
    "tcp_user_timeout": 60_000,
    # A worker that is stopped in the middle of a transaction must not hold the others up for long.
    "options": " ".join(
        f"-c {name}={milliseconds}"
        for name, milliseconds in (
            ("idle_in_transaction_session_timeout", 15_000),
            ("lock_timeout", 30_000),
            ("statement_timeout", 60_000),
        )
    ),
}
_POSTGRES: Final[Mapping[str, Any]] = {
    "connect_args": _POSTGRES_SESSION,
    # Connections left from before a restart are replaced before they are used.
    "pool_pre_ping": True,
}
_ATTEMPTS: Final = 20


def keep_to_itself(address: str) -> None:
    """Take an address out of this process's title and environment: what it starts need not know it.

    Candidates' code is among that; a worker that is started is told.
    """
    hide_from_title(address)
    os.environ.pop(VARIABLE, None)


def connect(place: Path | str, *, patience: Patience) -> PatientStorage:
    """Open the storage at an address or in a file, and make its tables where there are none.

    Raises:
        ConfigError: If it is no address, its driver is not installed, or another program's tables are there.
        RunFolderError: If the file is no study.
        StorageError: If the storage refuses, or does not answer for as long as `patience` says.
    """
    url = sqlite_url(place) if isinstance(place, Path) else read_url(place)
    shown = str(place) if isinstance(place, Path) else masked(url.render_as_string(hide_password=True))
    shared = patience.keep_trying(lambda: _open(url, shown), address=shown)
    return PatientStorage(shared, patience=patience, address=shown)


def sqlite_url(path: Path) -> URL:
    """Return the address of a file of this machine."""
    return URL.create("sqlite", database=str(path.resolve()))


def read_url(text: str) -> URL:
    """Read an address such as `postgresql+psycopg://user@host/database`.

    Raises:
        ConfigError: If it is none, or of a kind of database that is not supported; never shows a password.
    """
    try:
        url = make_url(text)
    except (sqlalchemy.exc.ArgumentError, ValueError):
        raise ConfigError(
            "--storage takes postgresql+psycopg://USER@HOST/DATABASE or sqlite:///FILE; what was given is "
            "neither, and not shown as it may hold a password"
        ) from None
    if url.get_backend_name() == "postgresql":
        return url.set(drivername="postgresql+psycopg")
    if url.get_backend_name() == "sqlite" and url.database not in (None, "", ":memory:"):
        return url
    raise ConfigError(
        f"--storage takes PostgreSQL, or SQLite in a file on this machine, got {masked(text)!r}; "
        f"for example postgresql+psycopg://USER@HOST/DATABASE"
    )


def _open(url: URL, shown: str) -> SharedStorage:
    is_file = url.get_backend_name() == "sqlite"
    options = _FILE if is_file else _POSTGRES
    try:
        if foreign := _foreign_tables(url, options):
            raise ConfigError(
                f"{shown} has tables of another program ({', '.join(foreign)}); give a database of its own"
            )
        return _with_tables(url, options)
    except ImportError:
        raise ConfigError("PostgreSQL needs the driver psycopg; pip install 'millinet[postgresql]'") from None
    except RuntimeError as error:
        raise RunFolderError(f"{shown} is of another version: {error}") from error
    except Exception as error:
        if _is_foreign(error):
            reason = getattr(database_error(error), "orig", None) or error
            raise RunFolderError(f"{shown} is no study: {reason}; move it away to start anew") from error
        raise


def _with_tables(url: URL, options: Mapping[str, Any]) -> SharedStorage:
    # Optuna formats the address; braces in a password would be taken for fields.
    address = url.render_as_string(hide_password=False).replace("{", "{{").replace("}", "}}")
    for attempt in range(1, _ATTEMPTS + 1):
        try:
            return SharedStorage(address, worker=this_worker(), engine_kwargs=dict(options))
        except Exception as error:
            # Of two that make the tables at once one fails on the other's, and finds them at the next try.
            if attempt == _ATTEMPTS or not _is_race(database_error(error)):
                raise
    raise AssertionError("the last attempt returned or raised")


def _foreign_tables(url: URL, options: Mapping[str, Any]) -> list[str]:
    """List the tables that stand where those of a storage would, and are others; it has not been touched."""
    engine = sqlalchemy.create_engine(url, **options)
    try:
        inspector = sqlalchemy.inspect(engine)
        present = set(inspector.get_table_names())
        if "version_info" in present:
            return []  # Optuna's; whether of this version it checks itself
        return sorted(
            name
            for name in present & {*COLUMNS, "alembic_version"}
            if not COLUMNS.get(name, {""}) <= {column["name"] for column in inspector.get_columns(name)}
        )
    finally:
        engine.dispose()


def _is_race(error: sqlalchemy.exc.SQLAlchemyError | None) -> bool:
    is_double = isinstance(error, sqlalchemy.exc.IntegrityError)
    return is_double or any(word in str(error).lower() for word in ("already exists", "duplicate"))


def _is_foreign(error: Exception) -> bool:
    """Tell whether a file is no database, or a broken one."""
    code = getattr(getattr(database_error(error), "orig", None), "sqlite_errorcode", 0)
    return code & 0xFF in (sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT)
