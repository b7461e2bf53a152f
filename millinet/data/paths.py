"""Write any file name as text that every terminal and JSON file can hold."""

import os
from pathlib import Path


def readable(path: str | Path) -> str:
    r"""Return the name with bytes that are not UTF-8 written as `\xNN`."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")
