"""Write files that are old or new, never broken."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from millinet.errors import RunFolderError


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`, and rename it to `path` once the block has succeeded.

    The content and the folder are synchronised to disk before and after the rename, so a reader, or a machine
    that loses power, sees the old file or the new one.

    Raises:
        RunFolderError: If the folder cannot be written (full disk, missing permission); the old file stays.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".partial")
        os.close(handle)
    except OSError as error:
        raise RunFolderError(
            f"cannot write {path}: {error.strerror}; free space or choose another --out"
        ) from error
    partial = Path(name)
    try:
        yield partial
        _synchronise(partial)
        partial.chmod(0o644)
        partial.replace(path)
        _synchronise(path.parent)
    except OSError as error:
        raise RunFolderError(f"cannot write {path}: {error.strerror}; the old file is kept") from error
    finally:
        partial.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Replace the file at `path` by `text`, in UTF-8, atomically."""
    with replacing(path) as partial:
        partial.write_text(text, encoding="utf-8")


def write_bytes(path: Path, content: bytes) -> None:
    """Replace the file at `path` by `content`, atomically."""
    with replacing(path) as partial:
        partial.write_bytes(content)


def _synchronise(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
