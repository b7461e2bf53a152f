"""A limit on how long one evaluation may take, in the process that waits for it."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from millinet.errors import ConfigError


class TimeIsUp(BaseException):
    """An evaluation took longer than it may; like Ctrl-C no `Exception`, so that `except` passes it on."""


def check_time_limit(seconds: float | None) -> None:
    """Reject a limit that is no positive time, or that nothing here can keep.

    Raises:
        ConfigError: If it is not positive, or this is no main thread of a POSIX system.
    """
    if seconds is None:
        return
    if not seconds > 0.0:
        raise ConfigError(f"trial_timeout must be positive seconds, got {seconds}; None waits for ever")
    if not hasattr(signal, "setitimer") or threading.current_thread() is not threading.main_thread():
        raise ConfigError(
            f"trial_timeout={seconds:g} needs the main thread and a POSIX system, whose alarm it uses; "
            f"search there, or give none and end a long evaluation inside evaluate"
        )


@contextmanager
def time_limit(seconds: float | None) -> Iterator[None]:
    """Raise `TimeIsUp` inside the block after so many seconds; None never does.

    The alarm is heard between two steps of Python. A call into compiled code is let return first.
    """
    if seconds is None:
        yield
        return

    def ring(_: int, __: FrameType | None) -> None:
        raise TimeIsUp(f"no value within {seconds:g} s")

    before = signal.signal(signal.SIGALRM, ring)
    try:
        signal.setitimer(signal.ITIMER_REAL, seconds)
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0.0)
        signal.signal(signal.SIGALRM, before)
