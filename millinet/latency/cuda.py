"""What a GPU is timed by beside the wall: its own events, and the replay of a captured graph.

End to end - launch, compute, wait - is what a caller sees and what a budget means. Events leave the launching
out where the queue is kept full; a graph replay launches everything at once. A network whose end-to-end time
is well above its graph's is bound by launching, and pruning its channels will not help it.

Inputs and weights are those of the call before, so the second-level cache is as warm as in a serving loop.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from statistics import median
from typing import Final, NamedTuple

import torch

LAUNCH_BOUND: Final = 1.25
"""End-to-end time over graph replay from which a network is called launch-bound."""
_REPEATS: Final = 20
_WARM_UPS: Final = 3


class GpuTimes(NamedTuple):
    """Medians of one call, in milliseconds; hot caches."""

    device_ms: float
    """Between two events around the launch."""
    graph_ms: float | None
    """One replay of the captured graph; None where the network cannot be captured."""

    def is_launch_bound(self, end_to_end_ms: float) -> bool:
        """Whether launching, not computing, decides the end-to-end time."""
        return self.graph_ms is not None and end_to_end_ms > LAUNCH_BOUND * self.graph_ms


@contextmanager
def fixed_numerics(device: torch.device) -> Iterator[None]:
    """Compute fp32 as fp32 and let cuDNN choose its kernels for the one shape there is; restored after it."""
    if device.type != "cuda":
        yield
        return
    matmul_before = torch.backends.cuda.matmul.allow_tf32
    torch.backends.cuda.matmul.allow_tf32 = False
    try:
        with torch.backends.cudnn.flags(enabled=True, benchmark=True, deterministic=False, allow_tf32=False):
            yield
    finally:
        torch.backends.cuda.matmul.allow_tf32 = matmul_before


def gpu_times(call: Callable[[], object], device: torch.device) -> GpuTimes:
    """Time a call by events and as a graph.

    Args:
        call: Launches one forward pass with fixed inputs, without waiting for it.
        device: A CUDA device.
    """
    with torch.cuda.device(device), fixed_numerics(device):
        for _ in range(_WARM_UPS):
            call()
        torch.cuda.synchronize(device)
        return GpuTimes(_between_events(call, device), _graph_ms(call, device))


def _between_events(call: Callable[[], object], device: torch.device) -> float:
    times_ms = []
    for _ in range(_REPEATS):
        start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))  # type: ignore[no-untyped-call]
        start.record()
        call()
        end.record()
        torch.cuda.synchronize(device)
        times_ms.append(start.elapsed_time(end))
    return median(times_ms)


def _graph_ms(call: Callable[[], object], device: torch.device) -> float | None:
    graph = torch.cuda.CUDAGraph()
    try:
        # Capture needs a stream of its own, warmed up on it; see torch.cuda.graph.
        stream = torch.cuda.Stream(device)  # type: ignore[no-untyped-call]
        stream.wait_stream(torch.cuda.current_stream(device))
        with torch.cuda.stream(stream):
            for _ in range(_WARM_UPS):
                call()
        torch.cuda.current_stream(device).wait_stream(stream)
        with torch.cuda.graph(graph):
            call()
    except RuntimeError:
        # Shapes that depend on values, copies to the host: such a network has no graph, which is the answer.
        torch.cuda.synchronize(device)
        return None
    return _between_events(graph.replay, device)
