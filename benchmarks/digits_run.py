"""The first minutes with millinet: `millinet run` on digits, three seeds, as a user types it.

    python -m benchmarks.digits_run [--seeds 0,1,2] [--trials 24]

For each seed: the wall time, when the first trial's line appeared, and the certified winner's test accuracy
and latency against the budget. The bars: five minutes, 30 seconds, and a mean test accuracy of at least 0.97.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.record import record

REPORTED = ("verdict", "budget_ms", "median_ms", "low_ms", "high_ms", "p95_ms", "parameters", "status")
REPORTED_ACCURACY = ("validation_accuracy", "test_accuracy", "test_accuracy_low", "test_accuracy_high")


def one_run(seed: int, trials: int, folder: Path) -> dict[str, Any]:
    """Run the program once and collect what it took and gave."""
    command = [sys.executable, "-u", "-m", "millinet", "run", "--seed", str(seed), "--trials", str(trials)]
    started = time.monotonic()
    process = subprocess.Popen([*command, "--out", str(folder)], stdout=subprocess.PIPE, text=True)
    first_trial: float | None = None
    for line in process.stdout or ():
        if line.startswith("trial ") and first_trial is None:
            first_trial = time.monotonic() - started
    if process.wait():
        raise SystemExit(f"millinet run ended with {process.returncode}")
    seconds = time.monotonic() - started
    winner = folder / "winners" / "1"
    certificate = json.loads((winner / "certificate.json").read_text())
    run = json.loads((folder / "run.json").read_text())
    return {
        "seed": seed,
        "seconds": round(seconds, 1),
        "first_trial_seconds": first_trial,
        **{key: certificate[key] for key in (*REPORTED, *REPORTED_ACCURACY)},
        "is_pruned": (winner / "widths.json").exists(),
        "phases_seconds": run["phases"],
    }


def main() -> None:
    """Run every seed and judge the bars."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", default="0,1,2")
    parser.add_argument("--trials", type=int, default=24)
    options = parser.parse_args()
    seeds = [int(seed) for seed in options.seeds.split(",")]
    rows = []
    for seed in seeds:
        with tempfile.TemporaryDirectory() as folder:
            rows.append(one_run(seed, options.trials, Path(folder) / "run"))
    mean = statistics.mean(row["test_accuracy"] for row in rows)
    summary = {
        "mean_test_accuracy": mean,
        "is_accuracy_at_least_0.97": mean >= 0.97,
        "longest_seconds": max(row["seconds"] for row in rows),
        "latest_first_trial_seconds": max(row["first_trial_seconds"] for row in rows),
    }
    record("digits_run", rows, seeds=seeds, summary=summary)


if __name__ == "__main__":
    main()
