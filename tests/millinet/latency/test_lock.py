import subprocess
import sys
from typing import Final

from millinet.latency import device_lock
from millinet.latency.lock import lock_path

TRY: Final = """
import fcntl, os, sys
descriptor = os.open(sys.argv[1], os.O_RDONLY | os.O_CREAT)
try:
    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
except BlockingIOError:
    sys.exit(7)
"""
HOLD: Final = """
import os, sys
from millinet.latency.lock import device_lock
with device_lock(sys.argv[1]):
    os.kill(os.getpid(), 9)
"""


def python(code: str, argument: str) -> int:
    return subprocess.run([sys.executable, "-c", code, argument], check=False).returncode


def try_lock(identity: str) -> int:
    """Return 7 if another process holds the lock, else 0."""
    return python(TRY, str(lock_path(identity)))


def test_another_process_is_kept_out_while_one_measures() -> None:
    with device_lock("a device of this test"):
        held = try_lock("a device of this test")
    free = try_lock("a device of this test")

    assert held == 7
    assert free == 0


def test_another_device_is_not_kept_waiting() -> None:
    with device_lock("one device"):
        assert try_lock("another device") == 0


def test_a_process_that_is_killed_leaves_no_lock() -> None:
    killed = python(HOLD, "a device that is lost")

    assert killed == -9
    assert try_lock("a device that is lost") == 0
