import subprocess
import sys
from typing import Final

from millinet.latency import device_lock
from millinet.latency.lock import giving_way, lock_path

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
MEASURE: Final = """
import sys
from millinet.latency.lock import device_lock
print("waiting", flush=True)
with device_lock(sys.argv[1]):
    print("measuring", flush=True)
    sys.stdin.read()
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


def test_trainings_share_a_device() -> None:
    with (
        giving_way("a shared device", settle=lambda: None) as first,
        giving_way("a shared device", settle=lambda: None) as second,
    ):
        first()
        second()


def test_a_training_lets_a_measurement_of_another_process_in_between_two_steps() -> None:
    settled: list[bool] = []
    with (
        giving_way("a device in use", settle=lambda: settled.append(True)) as give_way,
        subprocess.Popen(
            [sys.executable, "-c", MEASURE, "a device in use"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        ) as measuring,
    ):
        assert measuring.stdin is not None
        assert measuring.stdout is not None
        assert measuring.stdout.readline() == "waiting\n"
        # Closed before: the measurement ends as soon as it was let in.
        measuring.stdin.close()
        while not settled:
            give_way()
        assert measuring.stdout.readline() == "measuring\n"
        measuring.wait()
