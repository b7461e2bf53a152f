"""Ctrl-C that is not lost.

Python raises KeyboardInterrupt wherever the main thread happens to be. Inside a finaliser, or the callback
of a weak reference, nothing can catch it: Python prints "Exception ignored in" and goes on, and a search that
was told to stop runs to its end.
"""

import signal
import sys
import time
from _thread import get_ident, start_new_thread
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

AGAIN_SECONDS: Final = 0.02
"""How long after an interrupt that nobody could catch it is sent once more, in seconds."""


@contextmanager
def interrupts_kept() -> Iterator[None]:
    """Send an interrupt again, a moment later, when it struck where Python has to ignore it.

    For the main thread; what it waits for at that moment is interrupted too.
    """
    report, thread = sys.unraisablehook, get_ident()

    def again(ignored: "sys.UnraisableHookArgs") -> None:
        if not issubclass(ignored.exc_type, KeyboardInterrupt):
            report(ignored)
            return
        # A bare thread: those of `threading` take locks that the interrupted code may hold.
        start_new_thread(_interrupt_later, (thread,))

    sys.unraisablehook = again
    try:
        yield
    finally:
        sys.unraisablehook = report


def _interrupt_later(thread: int) -> None:
    time.sleep(AGAIN_SECONDS)
    if sys.platform == "win32":
        signal.raise_signal(signal.SIGINT)
    else:
        signal.pthread_kill(thread, signal.SIGINT)
