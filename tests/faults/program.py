"""The `millinet` program in this process, for claims about what it says and not about how it starts."""

import signal
from collections.abc import Sequence

import pytest

from millinet.cli import main


def run_here(words: Sequence[str]) -> int:
    """Run the program and return its exit code; what it changes for its own process is set back."""
    handler = signal.getsignal(signal.SIGTERM)
    try:
        with pytest.raises(SystemExit) as ended:
            main(words)
    finally:
        signal.signal(signal.SIGTERM, handler)
    return int(ended.value.code or 0)
