"""One measurement at a time on a device, whichever process asks: a lock on a file, held for one visit."""

import hashlib
import os
import tempfile
from collections.abc import Iterator
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


@contextmanager
def device_lock(identity: str) -> Iterator[None]:
    """Wait until no other process measures on the device, and keep them out inside the block.

    The system releases the lock when the process ends, however it ends.

    Args:
        identity: What tells devices apart: `DeviceInfo.identity`.

    Raises:
        MeasurementError: If the lock file cannot be opened.
    """
    if fcntl is None:
        yield
        return
    path = lock_path(identity)
    try:
        descriptor = _open(path)
    except OSError as error:
        raise MeasurementError(
            f"cannot open the device lock {path}: {error.strerror}; make {path.parent} writable"
        ) from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def lock_path(identity: str) -> Path:
    """Return the file that stands for a device on this machine."""
    digest = hashlib.sha256(identity.encode()).hexdigest()[:16]
    return FOLDER / f"millinet-{digest}.lock"


def _open(path: Path) -> int:
    # Any user may wait on the lock: flock takes a descriptor opened for reading, and the file is empty.
    try:
        return os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return os.open(path, os.O_RDONLY | os.O_CREAT | os.O_CLOEXEC, 0o644)
