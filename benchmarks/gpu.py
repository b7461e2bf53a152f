"""Every bar that only a GPU can show, one program after the other, within a time.

    python -m benchmarks.gpu                          # about 30 minutes on one GPU that nobody else uses
    python -m benchmarks.gpu --only visits streams    # some of them
    python -m benchmarks.gpu --device cpu --quick     # whether all of them run at all, on any machine

Each runs in a process of its own and writes benchmarks/results/NAME_cuda.json when it ends; one that fails or
exceeds its share of the time is reported, and the next begins. Wants the `test` and `gpu` extras.
"""

import argparse
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final, NamedTuple

from benchmarks.record import record
from millinet.errors import ConfigError
from millinet.tables import pick

ROOT: Final = Path(__file__).parent.parent


class Program(NamedTuple):
    """A module and its words, with DEVICE and FOLDER to be filled in."""

    words: str
    minutes: float
    """After which it is stopped."""
    quick: str = ""
    """What to add for its shortest form."""


PROGRAMS: Final = {
    "tests": Program("pytest -q -n 0 -m gpu -p no:cacheprovider tests", 3),
    "run": Program("millinet run --device DEVICE --out FOLDER/run", 5, "--trials 2 --winners 1"),
    "visits": Program("benchmarks.latency_visits --device DEVICE", 4, "--visits 20"),
    "streams": Program("benchmarks.latency_streams --device DEVICE", 6, "--repeats 12"),
    "processes": Program("benchmarks.latency_processes --device DEVICE", 4, "--processes 2"),
    "contention": Program("benchmarks.latency_contention --device DEVICE", 6, "--repeats 2 --at-rest 2"),
    "others": Program("benchmarks.latency_others --device DEVICE", 4, "--repeats 3"),
    "model": Program("benchmarks.latency_model --device DEVICE", 5, "--candidates 20 --measured 10"),
    "speed": Program("benchmarks.candidates speed --device DEVICE --batch 32", 4, "--rounds 2 --pixels 64"),
    "training": Program("benchmarks.training_speed --device DEVICE", 5, "--rounds 1 --images 256"),
    "job": Program(
        "benchmarks.search_job --device DEVICE --minutes 1",
        12,
        "--minutes 0.1 --seeds 0 --literature resnet20",
    ),
    "pruning": Program(
        "benchmarks.pruning_budget --device DEVICE --dtype bf16",
        8,
        "--only resnet18@0.5 --state FOLDER/cases",
    ),
    "pruning-64": Program(
        "benchmarks.pruning_budget --device DEVICE --dtype bf16 --batch 64 --name pruning_budget_batch64",
        8,
        "--only resnet18@0.5 --resolution 64 --state FOLDER/cases",
    ),
    "forms": Program("benchmarks.deployed_forms --device DEVICE --dtype bf16", 5),
}


def main() -> None:
    """Run the programs and say how each ended."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--only", nargs="*", metavar="PROGRAM", help=", ".join(PROGRAMS))
    parser.add_argument("--minutes", type=float, default=30.0, help="begin nothing after so long")
    parser.add_argument(
        "--quick", action="store_true", help="the shortest forms; what they write is no result"
    )
    asked = parser.parse_args()
    try:
        chosen = {name: pick("program", name, PROGRAMS) for name in asked.only or PROGRAMS}
    except ConfigError as error:
        parser.error(str(error))
    begun = time.monotonic()
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for name, program in chosen.items():
            if time.monotonic() - begun > asked.minutes * 60:
                rows.append({"program": name, "ended": "not begun", "seconds": 0.0})
                continue
            words = f"{program.words} {program.quick if asked.quick else ''}"
            words = words.replace("DEVICE", asked.device).replace("FOLDER", folder)
            results = {"BENCHMARK_RESULTS": folder} if asked.quick else {}
            rows.append({"program": name, **_run(words, program.minutes, results)})
    if asked.quick:
        print(*rows, sep="\n")
    else:
        record("gpu", rows, device=asked.device)
    sys.exit(any(row["ended"] != "well" for row in rows))


def _run(words: str, minutes: float, environment: Mapping[str, str]) -> dict[str, str | float]:
    print(f"== {words}", flush=True)
    started = time.monotonic()
    # A session of its own: what it has started ends with it, and does not disturb the next.
    process = subprocess.Popen(
        [sys.executable, "-m", *words.split()],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
        start_new_session=True,
    )
    try:
        code = process.wait(timeout=minutes * 60)
        ended = "well" if code == 0 else f"with exit status {code}"
    except subprocess.TimeoutExpired:
        ended = f"stopped after {minutes:g} minutes"
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    return {"ended": ended, "seconds": time.monotonic() - started}


if __name__ == "__main__":
    main()
