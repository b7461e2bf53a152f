"""How much of a data set may be held in memory."""

import os
from typing import Final

DEFAULT_LIMIT_MIB: Final = 4096.0
"""Sets up to this size are held, where so much is free four times over."""


def fits_in_memory(num_bytes: int, *, limit_mib: float | None = None) -> bool:
    """Tell whether a set of so many bytes should be held.

    Args:
        num_bytes: Size of all its pixels.
        limit_mib: Largest set to hold, in MiB; None takes the default, and at most a quarter of what is free.
    """
    if limit_mib is not None:
        return num_bytes <= limit_mib * 2**20
    return num_bytes <= min(DEFAULT_LIMIT_MIB * 2**20, 0.25 * _free_bytes())


def _free_bytes() -> float:
    try:
        return float(os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
    except (AttributeError, ValueError, OSError):  # systems that do not tell
        return float("inf")
