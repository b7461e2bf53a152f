"""Whether many prunings in one process leave anything behind.

    OMP_NUM_THREADS=1 python benchmarks/pruning_memory.py

Bar: resident memory grows by less than 5% from the tenth to the two hundredth pruning.
"""

import argparse
import gc
import json
from pathlib import Path

import torch
from torchvision import models

from compress import prune
from millinet.provenance import utc_now, versions


def resident_mib() -> float:
    """Return this process's resident memory in MiB."""
    for line in Path("/proc/self/status").read_text(encoding="utf-8").splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    raise OSError("no VmRSS in /proc/self/status")


def main() -> None:
    """Prune again and again, and print memory on the way."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--num", type=int, default=200)
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/pruning_memory.json"))
    given = parser.parse_args()
    example = torch.zeros(1, 3, 32, 32)
    seen = []
    for number in range(1, given.num + 1):
        prune(models.resnet18(num_classes=10), example, macs_ratio=0.5)
        gc.collect()
        seen.append(resident_mib())
        if number in (1, 10, 50, 100, 200):
            print(f"{number:4d} prunings: {seen[-1]:.0f} MiB", flush=True)
    growth = seen[-1] / seen[min(9, len(seen) - 1)] - 1.0
    print(f"growth after the tenth: {growth:.1%}")
    given.out.parent.mkdir(parents=True, exist_ok=True)
    found = {"resident_mib": seen, "growth": growth, "versions": versions(), "time": utc_now()}
    given.out.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
