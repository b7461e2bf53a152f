"""Outlast a database that restarts, is down for a while, or is busy: try again, ever more slowly.

What time alone can heal is tried again: a lost connection, a server that starts or stops, a lock, a deadlock.
A full disk, a refused password or a file that is no database is raised at once.
"""

import logging
import random
import sqlite3
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final, TypeVar

import sqlalchemy.exc

from millinet.errors import StorageError
from millinet.visible import visible

T = TypeVar("T")

_LOG: Final = logging.getLogger(__name__)
_WORTH_SAYING: Final = 3.0
"""Seconds a database may be away before the user is told what is waited for."""

# Classes and codes of PostgreSQL (appendix A of its manual) that pass by themselves; 57014 is a statement
# that took too long, as one on a crowded server may.
_PASSING_STATES: Final = ("08", "40", "53200", "53300", "55P03", "57014", "57P", "25P03")
_PASSING_SQLITE: Final = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_PROTOCOL}
# A connection that was refused carries no code, only the server's words (psycopg 3.3).
_REFUSED: Final = (
    "authentication failed",
    "does not exist",
    "no pg_hba.conf entry",
    "not known",
    "no password",
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Patience:
    """How long a database may be away."""

    seconds: float = 600.0
    """Time after the first failure at which the failure is raised."""
    first_pause: float = 0.1
    """Seconds before the second try; each pause is twice the last."""
    longest_pause: float = 10.0
    """Seconds no pause exceeds, so that the database's return is noticed soon."""

    def keep_trying(
        self,
        operation: Callable[[], T],
        *,
        address: str = "the storage",
        on_failure: Callable[[], object] = lambda: None,
    ) -> T:
        """Return what `operation` returns, however often it has to be tried.

        It must be one that does no harm when repeated: the first try may have taken effect although its
        answer was lost. A wait of more than a few seconds is told through `logging`, once.

        Args:
            operation: The request.
            address: Of the storage, without its password.
            on_failure: Called after every try that failed and is made again.

        Raises:
            StorageError: If it failed for longer than `seconds`, or for a reason that does not pass.
        """
        started = time.monotonic()
        is_told = False
        for pause in self._pauses():
            try:
                result = operation()
            except Exception as error:
                cause = database_error(error)
                if cause is None:
                    raise
                away = time.monotonic() - started
                if not is_passing(cause) or away + pause > self.seconds:
                    raise StorageError(_told(cause, address=address, seconds=away)) from error
                if away > _WORTH_SAYING and not is_told:
                    is_told = True
                    _LOG.warning(_waiting(cause, address=address, seconds=self.seconds))
            else:
                if is_told:
                    _LOG.warning(f"millinet: {address} answers again")
                return result
            on_failure()
            # Many workers lose a database at once; they should not all come back in the same instant.
            time.sleep(pause * random.uniform(0.5, 1.0))
        raise AssertionError("the pauses never end")

    def _pauses(self) -> Iterator[float]:
        pause = self.first_pause
        while True:
            yield pause
            pause = min(2.0 * pause, self.longest_pause)


def database_error(error: BaseException) -> sqlalchemy.exc.SQLAlchemyError | None:
    """Return the database's error that `error` is or was raised from; None where it has another reason."""
    seen: BaseException | None = error
    while seen is not None and not isinstance(seen, sqlalchemy.exc.SQLAlchemyError):
        seen = seen.__cause__
    return seen


def is_passing(error: sqlalchemy.exc.SQLAlchemyError) -> bool:
    """Tell whether the same statement may succeed a little later."""
    if isinstance(error, sqlalchemy.exc.TimeoutError | sqlalchemy.exc.PendingRollbackError):
        # Every connection of the pool was in use; or Optuna went on after the first failure of a session.
        return True
    if not isinstance(error, sqlalchemy.exc.DBAPIError):
        return False
    origin: Any = error.orig
    if isinstance(origin, sqlite3.Error):
        # Extended codes keep the plain one in their lowest byte.
        return (getattr(origin, "sqlite_errorcode", 0) & 0xFF) in _PASSING_SQLITE
    state = getattr(origin, "sqlstate", None)
    if state is not None:
        return state.startswith(_PASSING_STATES)
    is_connection = isinstance(error, sqlalchemy.exc.OperationalError | sqlalchemy.exc.InterfaceError)
    return (is_connection or error.connection_invalidated) and not any(
        word in str(origin) for word in _REFUSED
    )


def _told(error: sqlalchemy.exc.SQLAlchemyError, *, address: str, seconds: float) -> str:
    if not is_passing(error):
        return f"{address} refused a request: {_reason(error)}; what was acknowledged before is kept"
    return (
        f"{address} did not answer for {seconds:.0f} s: {_reason(error)}; "
        f"what was acknowledged is kept, the same command resumes once it is back"
    )


def _waiting(error: sqlalchemy.exc.SQLAlchemyError, *, address: str, seconds: float) -> str:
    return f"millinet: {address} does not answer ({_reason(error)}); trying for up to {seconds:.0f} s"


def _reason(error: sqlalchemy.exc.SQLAlchemyError) -> str:
    """Return what the database said, in one line; a driver may add advice, and the same for each try."""
    origin = getattr(error, "orig", None) or error
    return visible(" ".join(str(origin).split()).rstrip("."))
