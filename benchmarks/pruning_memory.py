"""Whether many prunings in one process leave anything behind.

    OMP_NUM_THREADS=1 python -m benchmarks.pruning_memory

Bar: after the tenth pruning resident memory is never 5% above what it was then. What the last ten come to is
told beside it: the allocator gives back late, a leak never. No clock is read, so the machine may be busy. One
pruning takes about 2 s on one core.
"""

import argparse
import gc
from pathlib import Path
from statistics import median
from typing import Final

import torch
from torchvision import models

from benchmarks.record import record
from compress import prune

BAR: Final = 0.05
SHOWN: Final = (1, 10, 25, 50, 100, 150, 200)


def resident_mib() -> float:
    """Return this process's resident memory in MiB."""
    for line in Path("/proc/self/status").read_text(encoding="utf-8").splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    raise OSError("no VmRSS in /proc/self/status")


def main() -> None:
    """Prune again and again, and write down the memory on the way."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--num", type=int, default=200, help="prunings")
    parser.add_argument("--name", default="pruning_memory", help="file of the results")
    given = parser.parse_args()
    example = torch.zeros(1, 3, 32, 32)
    seen = []
    for _ in range(given.num):
        prune(models.resnet18(num_classes=10), example, macs_ratio=0.5)
        gc.collect()
        seen.append(resident_mib())
    rows = [{"prunings": n, "resident_mib": seen[n - 1]} for n in SHOWN if n <= len(seen)]
    tenth = seen[min(9, len(seen) - 1)]
    highest = max(seen[9:], default=tenth) / tenth - 1.0
    summary = {
        "network": "resnet18",
        "highest_over_tenth": highest,
        "last_ten_over_tenth": median(seen[-10:]) / tenth - 1.0,
        "bar": BAR,
        "is_met": highest < BAR,
    }
    record(given.name, rows, summary=summary)


if __name__ == "__main__":
    main()
