"""What passes by itself is waited for, what does not is said at once."""

import logging
import sqlite3
from collections.abc import Callable

import psycopg.errors
import pytest
import sqlalchemy.exc

from millinet.errors import StorageError
from nas.patience import Patience, is_passing

QUICK = Patience(seconds=60.0, first_pause=0.001, longest_pause=0.001)


def failing(origin: BaseException) -> sqlalchemy.exc.OperationalError:
    return sqlalchemy.exc.OperationalError("SELECT 1", {}, origin)


def busy() -> sqlite3.OperationalError:
    error = sqlite3.OperationalError("database is locked")
    error.sqlite_errorcode = sqlite3.SQLITE_BUSY
    return error


def answering_after(failures: int, error: Exception) -> Callable[[], str]:
    """Return what raises so often, then answers."""
    left = [error] * failures

    def operation() -> str:
        if left:
            raise left.pop()
        return "answer"

    return operation


@pytest.mark.parametrize(
    "origin",
    [
        psycopg.errors.AdminShutdown(),
        psycopg.errors.CannotConnectNow(),
        psycopg.errors.DeadlockDetected(),
        psycopg.errors.LockNotAvailable(),
        psycopg.errors.QueryCanceled(),
        psycopg.errors.TooManyConnections(),
        psycopg.OperationalError("connection refused"),
        busy(),
    ],
    ids=lambda origin: type(origin).__name__,
)
def test_what_time_alone_heals_is_tried_again(origin: Exception) -> None:
    assert is_passing(failing(origin))

    assert QUICK.keep_trying(answering_after(2, failing(origin))) == "answer"


@pytest.mark.parametrize(
    "origin",
    [
        psycopg.errors.DiskFull("no space left on device"),
        psycopg.errors.ReadOnlySqlTransaction("cannot execute INSERT"),
        psycopg.errors.UndefinedTable("no such table"),
        psycopg.OperationalError("password authentication failed for user"),
        sqlite3.OperationalError("attempt to write a readonly database"),
    ],
    ids=lambda origin: type(origin).__name__,
)
def test_what_does_not_pass_is_said_at_once(origin: Exception) -> None:
    with pytest.raises(StorageError, match=f"db refused a request: {origin}; what was acknowledged"):
        QUICK.keep_trying(answering_after(1, failing(origin)), address="db")


def test_an_error_that_is_not_the_databases_is_left_alone() -> None:
    with pytest.raises(ValueError, match="mine"):
        QUICK.keep_trying(answering_after(1, ValueError("mine")))


def test_a_wait_is_told_once_and_its_end_too(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("nas.patience._WORTH_SAYING", 0.0)

    with caplog.at_level(logging.WARNING):
        QUICK.keep_trying(answering_after(5, failing(busy())), address="db")

    assert caplog.messages == [
        "millinet: db does not answer (database is locked); trying for up to 60 s",
        "millinet: db answers again",
    ]
