"""Does holding the measuring thread to a core help? Visits with and without, at rest and beside hogs.

python -m benchmarks.latency_pinning --visits 60      # about 2 minutes
"""

import argparse
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from math import exp
from statistics import fmean, median
from typing import Any

from benchmarks.latency_subjects import same_as_reference, subjects
from benchmarks.record import record
from millinet.device import resolve_device, set_threads
from millinet.latency import LatencySettings
from millinet.latency.subject import prepare
from millinet.latency.timer import pause
from millinet.latency.visit import Visit, calls_per_block, typical_ms, visit
from millinet.statistics import robust_centre

HOG = "while True: pass"


@contextmanager
def hogs(count: int) -> Iterator[None]:
    """Keep `count` processes busy inside the block."""
    running = [subprocess.Popen([sys.executable, "-c", HOG]) for _ in range(count)]
    try:
        yield
    finally:
        for one in running:
            one.kill()
            one.wait()


@contextmanager
def pinned() -> Iterator[None]:
    """Hold this thread to the last of its cores inside the block."""
    cores = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {max(cores)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, cores)


def watch(pairs: Mapping[str, tuple[Any, Any, int]], visits: int) -> dict[tuple[str, bool], list[Visit]]:
    """Visit every pair `visits` times with and without pinning, in turn."""
    seen: dict[tuple[str, bool], list[Visit]] = {(name, held): [] for name in pairs for held in (False, True)}
    for _ in range(visits):
        for name, (candidate, reference, num_calls) in pairs.items():
            for held in (False, True):
                with pinned() if held else nullcontext():
                    seen[name, held].append(visit(candidate, reference, num_calls=num_calls))
        pause(0.05)
    return seen


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--visits", type=int, default=60)
    asked = parser.parse_args()
    set_threads(1)
    settings, device = LatencySettings(), resolve_device("cpu")
    own = same_as_reference()
    reference = prepare(own.model, own.example, device=device, settings=settings)
    pairs: dict[str, tuple[Callable[[], object], Callable[[], object], int]] = {}
    for name, model, example in [*subjects(), own]:
        candidate = prepare(model, example, device=device, settings=settings)
        num_calls = calls_per_block(candidate.rough_ms, settings.calls_per_block)
        pairs[name] = candidate.call, reference.call, num_calls
    rows = []
    for count in (0, 1, 2):
        with hogs(count):
            seen = watch(pairs, asked.visits)
        for (name, held), found in seen.items():
            ratio, error = robust_centre([one.log_ratio for one in found])
            rows.append(
                {
                    "network": name,
                    "hogs": count,
                    "pinned": held,
                    "visits": len(found),
                    "share_undisturbed": fmean(one.share_undisturbed for one in found),
                    "ratio": exp(ratio),
                    "visit_spread": error * len(found) ** 0.5 / 1.2533,
                    "median_ms": median(typical_ms(one.candidate) for one in found),
                }
            )
    record("latency_pinning", rows)


if __name__ == "__main__":
    main()
