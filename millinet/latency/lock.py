"""One measurement at a time on a device, whichever process asks, and no training beside it.

A measurement holds the device's lock for one visit. A training shares a second lock while it computes; it
looks at the first one between two steps, and lets go of the second until the measurement is over.
"""

import hashlib
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from millinet.errors import MeasurementError

try:
    import fcntl
except ImportError:  # Windows has no flock; measurements there are not kept apart
    fcntl = None  # type: ignore[assignment]

# A fixed folder, not the user's TMPDIR: processes with different ones must still find each other.
FOLDER: Final = Path("/tmp") if os.name == "posix" else Path(tempfile.gettempdir())


_LOOK_SECONDS: Final = 0.002
_MOST_LOOKS: Final = 15_000
"""Half a minute: a training that has not given way by then is stopped itself, and disturbs nobody."""


@contextmanager
def device_lock(identity: str) -> Iterator[None]:
    """Wait until no other process computes on the device, and keep them out inside the block.

    The system releases the lock when the process ends, however it ends.

    Args:
        identity: What tells devices apart: `DeviceInfo.identity`.

    Raises:
        MeasurementError: If the lock file cannot be opened.
    """
    if fcntl is None:
        yield
        return
    with _opened(lock_path(identity)) as measuring, _opened(_training_path(identity)) as training:
        fcntl.flock(measuring, fcntl.LOCK_EX)
        _wait_for_trainings(training)
        yield


@contextmanager
def giving_way(identity: str, *, settle: Callable[[], object]) -> Iterator[Callable[[], None]]:
    """Train on a device inside the block; yields what to call between two steps.

    The call returns at once, or, where another process is about to measure on the device, when it has done
    so.

    Args:
        identity: What tells devices apart.
        settle: Ends what was begun on the device; called before it is left to a measurement.

    Raises:
        MeasurementError: If the lock file cannot be opened.
    """
    if fcntl is None:
        yield lambda: None
        return
    with _opened(lock_path(identity)) as measuring, _opened(_training_path(identity)) as training:

        def enter() -> None:
            # Through the first lock into the second: no training overtakes who waits to measure.
            fcntl.flock(measuring, fcntl.LOCK_SH)
            fcntl.flock(training, fcntl.LOCK_SH)
            fcntl.flock(measuring, fcntl.LOCK_UN)

        def give_way() -> None:
            if _is_taken(measuring):
                settle()
                fcntl.flock(training, fcntl.LOCK_UN)
                enter()

        enter()
        try:
            yield give_way
        finally:
            # Said aloud, not left to the closing: a data loader forked in the block still has the file open.
            fcntl.flock(training, fcntl.LOCK_UN)


def lock_path(identity: str) -> Path:
    """Return the file that stands for a device on this machine."""
    digest = hashlib.sha256(identity.encode()).hexdigest()[:16]
    return FOLDER / f"millinet-{digest}.lock"


def _training_path(identity: str) -> Path:
    return lock_path(identity).with_suffix(".training")


def _is_taken(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    fcntl.flock(descriptor, fcntl.LOCK_UN)
    return False


def _wait_for_trainings(descriptor: int) -> None:
    for _ in range(_MOST_LOOKS):
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            time.sleep(_LOOK_SECONDS)
        else:
            return


@contextmanager
def _opened(path: Path) -> Iterator[int]:
    try:
        descriptor = _open(path)
    except OSError as error:
        raise MeasurementError(
            f"cannot open the device lock {path}: {error.strerror}; make {path.parent} writable"
        ) from error
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _open(path: Path) -> int:
    # Any user may wait on the lock: flock takes a descriptor opened for reading, and the file is empty.
    try:
        return os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return os.open(path, os.O_RDONLY | os.O_CREAT | os.O_CLOEXEC, 0o644)
