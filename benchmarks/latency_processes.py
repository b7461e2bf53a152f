"""Do fresh processes agree? Measures each network in ten of them.

python -m benchmarks.latency_processes --processes 10      # about 2 minutes; --device cuda for a GPU
"""

import argparse
import json
import subprocess
import sys
from statistics import fmean, stdev

from benchmarks.latency_subjects import subjects
from benchmarks.record import record

ONE = """
import json, sys
sys.path.insert(0, sys.argv[1])
from benchmarks.latency_subjects import subjects
from millinet.device import set_threads
from millinet.latency import LatencyMeter
from millinet.latency.references import rung
set_threads(1)
# The same reference in every process: a ratio to another one would be another number.
with LatencyMeter(sys.argv[2], reference=rung(6)) as meter:
    found = [meter.measure(one.model, one.example) for one in subjects()]
print(json.dumps([(one.ratio, one.median_ms, one.wall_median_ms, one.status) for one in found]))
"""


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--processes", type=int, default=10)
    parser.add_argument("--device", default="cpu")
    asked = parser.parse_args()
    command = [sys.executable, "-c", ONE, sys.path[0], asked.device]
    answers = [
        json.loads(
            subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()[-1]
        )
        for _ in range(asked.processes)
    ]
    rows = []
    for index, one in enumerate(subjects()):
        ratios, estimates, walls = ([answer[index][field] for answer in answers] for field in (0, 1, 2))
        rows.append(
            {
                "network": one.name,
                "processes": len(answers),
                "ratio_cv": stdev(ratios) / fmean(ratios),
                "ms_cv": stdev(estimates) / fmean(estimates),
                "wall_median_cv": stdev(walls) / fmean(walls),
                "share_ok": fmean(answer[index][3] == "ok" for answer in answers),
            }
        )
    record("latency_processes", rows, device=asked.device)


if __name__ == "__main__":
    main()
