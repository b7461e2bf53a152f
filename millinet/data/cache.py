"""Where what was found out about files is remembered, and how it is told that they are still the same."""

import hashlib
import os
from collections.abc import Sequence
from pathlib import Path


def cache_folder(kind: str) -> Path:
    """Return the folder of one kind of memory, `~/.cache/millinet/KIND`; it need not exist."""
    home = os.environ.get("XDG_CACHE_HOME")
    cache = Path(home) if home else Path.home() / ".cache"
    return cache / "millinet" / kind


def state_of(paths: Sequence[Path], *settings: object) -> str:
    """Hash names, sizes and times of files together with settings; another hash means to look again.

    A file that is not there counts as well, by its absence.
    """
    digest = hashlib.sha256(repr(settings).encode())
    for path in paths:
        try:
            state = path.stat()
            told = f" {state.st_size} {state.st_mtime_ns}\n"
        except OSError:
            told = " absent\n"
        digest.update(os.fsencode(os.path.abspath(path)) + told.encode())  # noqa: PTH100 - 10 times faster
    return digest.hexdigest()[:32]
