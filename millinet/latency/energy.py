"""What one call costs a GPU in energy, from the counter its board keeps."""

from collections.abc import Callable
from typing import Final

from millinet.latency.timer import repeat

WINDOW_SECONDS: Final = 1.0
"""How long calls are repeated: boards bring their counter up to date every 20 to 100 ms."""


def energy_mj(call: Callable[[], object], drawn_joules: Callable[[], float | None]) -> float | None:
    """Return the energy of one call in millijoules, with what the board draws meanwhile in any case.

    Args:
        call: One forward pass, done when it returns.
        drawn_joules: Reads the energy drawn so far; None where the board does not count it, and then so is
            the result.
    """
    before = drawn_joules()
    if before is None:
        return None
    num_calls = repeat(call, seconds=WINDOW_SECONDS)
    after = drawn_joules()
    return None if after is None else (after - before) / num_calls * 1e3
