"""Do something to many image files at once, and keep the errors as results."""

import warnings
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from PIL import Image

from millinet.device import usable_cores
from millinet.errors import DataError

T = TypeVar("T")


def each(read: Callable[[Path], T], paths: Sequence[Path]) -> list[T | DataError]:
    """Return what `read` makes of each path, or the `DataError` it raised, in the paths' order.

    Threads are enough: Pillow lets others run while it decodes.
    """

    def attempt(path: Path) -> T | DataError:
        try:
            return read(path)
        except DataError as error:
            return error

    with pillow_quiet(), ThreadPoolExecutor(usable_cores()) as pool:
        return list(pool.map(attempt, paths))


@contextmanager
def pillow_quiet() -> Iterator[None]:
    """Silence Pillow's warnings of files that it reads all the same; enter it outside of threads."""
    with warnings.catch_warnings():
        # Large images are read at a reduced size, and Pillow refuses truly absurd ones by an error.
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        # Odd metadata and palettes, with nothing wrong in the pixels.
        warnings.filterwarnings("ignore", category=UserWarning, module=r"PIL\.")
        yield
