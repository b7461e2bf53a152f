"""Keep what a model prints out of the way of whoever measures it."""

import io
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


class _OwnThread(io.TextIOBase):
    """Collects what one thread writes and passes on what the others do, such as a live table."""

    def __init__(self, screen: Any) -> None:
        self.screen = screen
        self.owner = threading.get_ident()
        self.collected: list[str] = []

    def write(self, text: str) -> int:
        if threading.get_ident() != self.owner:
            return int(self.screen.write(text))
        self.collected.append(text)
        return len(text)

    def flush(self) -> None:
        self.screen.flush()

    def isatty(self) -> bool:
        return bool(self.screen.isatty())

    def fileno(self) -> int:
        return int(self.screen.fileno())

    @property
    def encoding(self) -> str:  # type: ignore[override]
        return str(self.screen.encoding)


@contextmanager
def collecting_output() -> Iterator[list[str]]:
    """Collect what this thread prints inside the block; the yielded list holds it."""
    screen = sys.stdout
    collector = _OwnThread(screen)
    sys.stdout = collector
    try:
        yield collector.collected
    finally:
        sys.stdout = screen
