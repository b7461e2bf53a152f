"""The one file that reads a clock for latency: it times single calls and says which were disturbed."""

import gc
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NamedTuple

try:
    import resource
except ImportError:  # Windows
    resource = None  # type: ignore[assignment]

_WHO = getattr(resource, "RUSAGE_THREAD", 0)


class Calls(NamedTuple):
    """Timed calls of one block, in order."""

    wall_ms: list[float]
    disturbed: list[bool]
    """Whether something else ran on the call's core meanwhile."""

    def __add__(self, other: "Calls") -> "Calls":  # type: ignore[override]
        return Calls(self.wall_ms + other.wall_ms, self.disturbed + other.disturbed)

    @property
    def share_undisturbed(self) -> float:
        """Fraction of calls nothing disturbed; 1 where there are none."""
        return 1.0 - sum(self.disturbed) / max(1, len(self.disturbed))


def time_calls(call: Callable[[], object], num_calls: int) -> Calls:
    """Time single calls, after one that is discarded.

    A call is disturbed when the scheduler took its thread off the core, or when it lost more than a twentieth
    of its wall time without having waited for anything itself, as under a busy hypervisor.

    Args:
        call: Returns once the work is done; on an accelerator it synchronises.
        num_calls: Calls to time.
    """
    call()
    wall_ms: list[float] = []
    disturbed: list[bool] = []
    for _ in range(num_calls):
        forced, waited = _switches()
        busy_ns = time.thread_time_ns()
        start_ns = time.perf_counter_ns()
        call()
        wall_ns = time.perf_counter_ns() - start_ns
        busy_ns = time.thread_time_ns() - busy_ns
        forced_after, waited_after = _switches()
        lost = waited_after == waited and wall_ns - busy_ns > max(0.05 * wall_ns, 20_000)
        wall_ms.append(wall_ns / 1e6)
        disturbed.append(forced_after > forced or lost)
    return Calls(wall_ms, disturbed)


def warm_up(call: Callable[[], object], *, seconds: float, least: int = 2) -> float:
    """Call repeatedly for about `seconds`, at least `least` times.

    Returns:
        The fastest call in milliseconds.
    """
    start = time.perf_counter()
    fastest = float("inf")
    num_calls = 0
    while num_calls < least or time.perf_counter() - start < seconds:
        before = time.perf_counter()
        call()
        fastest = min(fastest, time.perf_counter() - before)
        num_calls += 1
    return fastest * 1e3


def repeat(call: Callable[[], object], *, seconds: float) -> int:
    """Call again and again for about `seconds`, at least once.

    Returns:
        The number of calls.
    """
    start = time.perf_counter()
    num_calls = 0
    while num_calls == 0 or time.perf_counter() - start < seconds:
        call()
        num_calls += 1
    return num_calls


@contextmanager
def collector_held() -> Iterator[None]:
    """Hold garbage collection off inside the block."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def time_once(call: Callable[[], object]) -> float:
    """Time one call, in milliseconds; a first look, not a measurement."""
    start = time.perf_counter()
    call()
    return (time.perf_counter() - start) * 1e3


def now_ms() -> float:
    """Read the clock, in milliseconds since an arbitrary moment."""
    return time.perf_counter_ns() / 1e6


def pause(seconds: float) -> None:
    """Let time pass, so that the next visit meets the machine in another state."""
    time.sleep(seconds)


def _switches() -> tuple[int, int]:
    """Count this thread's forced and voluntary context switches so far."""
    if resource is None:
        return 0, 0
    usage = resource.getrusage(_WHO)
    return usage.ru_nivcsw, usage.ru_nvcsw
