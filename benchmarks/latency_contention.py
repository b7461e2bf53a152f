"""Is it ever silently wrong? Measures beside busy processes, and from several processes at once.

The truth is what the same machine gives before and after, at rest. A run counts as silently wrong if its
status is ok and it is over 5% from the truth.

    python -m benchmarks.latency_contention --repeats 20      # about 6 minutes; --device cuda for a GPU
"""

import argparse
import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from math import exp, log
from statistics import fmean
from typing import Any

from benchmarks.latency_subjects import Benched, subjects
from benchmarks.record import record
from millinet.device import set_threads
from millinet.latency import LatencyMeasurement, LatencySettings, measure

SPINNING = "while True: pass"
CONVOLVING = """
import sys, torch
torch.set_num_threads(1)
layer = torch.nn.Conv2d(256, 256, 3, padding=1).to(sys.argv[1])
images = torch.randn(8, 256, 32, 32, device=sys.argv[1])
print("ready", flush=True)
with torch.inference_mode():
    while True:
        layer(images)
"""
CROWDS = {
    "one spinning": [SPINNING],
    "one convolving": [CONVOLVING],
    "two convolving": [CONVOLVING, CONVOLVING],
}
WORKER = """
import json, sys
sys.path.insert(0, sys.argv[1])
from benchmarks.latency_subjects import subjects
from millinet.device import set_threads
from millinet.latency import LatencySettings, measure
set_threads(1)
for _ in range(int(sys.argv[2])):
    for name, model, example in subjects():
        found = measure(model, example, device=sys.argv[3])
        print(json.dumps([name, found.median_ms, found.status]), flush=True)
"""


@contextmanager
def crowd(programs: Sequence[str], device: str) -> Iterator[None]:
    """Keep programs running beside the block."""
    commands = [[sys.executable, "-c", code, device] for code in programs]
    running = [subprocess.Popen(command, stdout=subprocess.PIPE) for command in commands]
    try:
        for process, code in zip(running, programs, strict=True):
            if code == CONVOLVING and process.stdout is not None:
                process.stdout.readline()
        yield
    finally:
        for process in running:
            process.kill()
            process.wait()


def measured(benched: Sequence[Benched], repeats: int, device: str) -> dict[str, list[LatencyMeasurement]]:
    """Measure each network `repeats` times, each time from scratch."""
    found: dict[str, list[LatencyMeasurement]] = {one.name: [] for one in benched}
    for _ in range(repeats):
        for name, model, example in benched:
            found[name].append(measure(model, example, device=device, settings=LatencySettings()))
    return found


def workers(count: int, repeats: int, device: str) -> list[list[Any]]:
    """Measure from several processes at once; the device lock keeps their visits apart."""
    command = [sys.executable, "-c", WORKER, sys.path[0], str(repeats), device]
    running = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(count)]
    return [json.loads(line) for one in running for line in one.communicate()[0].splitlines()]


def judged(name: str, crowd_name: str, errors: Sequence[float], statuses: Sequence[str]) -> dict[str, Any]:
    """Return one row."""
    pairs = list(zip(errors, statuses, strict=True))
    return {
        "network": name,
        "beside": crowd_name,
        "runs": len(pairs),
        "within_5pct_or_not_ok": fmean(abs(error) <= 0.05 or status != "ok" for error, status in pairs),
        "share_ok": fmean(status == "ok" for status in statuses),
        "mean_error": fmean(errors),
        "largest_error_when_ok": max((abs(error) for error, status in pairs if status == "ok"), default=0.0),
    }


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=20)
    parser.add_argument("--at-rest", type=int, default=6, help="Repeats before, and as many after.")
    parser.add_argument("--device", default="cpu")
    asked = parser.parse_args()
    set_threads(1)
    benched = subjects()
    at_rest = [measured(benched, asked.at_rest, asked.device)]
    beside = {}
    for crowd_name, programs in CROWDS.items():
        with crowd(programs, asked.device):
            beside[crowd_name] = measured(benched, asked.repeats, asked.device)
    three = workers(3, max(1, asked.repeats // 5), asked.device)
    at_rest.append(measured(benched, asked.at_rest, asked.device))
    rows = []
    for one in benched:
        calm = [found for part in at_rest for found in part[one.name]]
        truth = exp(fmean(log(found.median_ms) for found in calm))
        groups = {"nothing": calm, **{name: found[one.name] for name, found in beside.items()}}
        for crowd_name, group in groups.items():
            errors = [found.median_ms / truth - 1 for found in group]
            rows.append(judged(one.name, crowd_name, errors, [found.status for found in group]))
        own = [(ms / truth - 1, status) for name, ms, status in three if name == one.name]
        rows.append(judged(one.name, "two other measurements", [e for e, _ in own], [s for _, s in own]))
    record("latency_contention", rows, device=asked.device)


if __name__ == "__main__":
    main()
