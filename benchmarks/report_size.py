"""How long a report of many trials takes, how large its page is, and how fast a browser opens it.

Claims: 20 runs of 2,000 trials build in under 10 s and under 1 GB; a page of 2,000 candidates is at most 6 MB
and opens in 2 s, drawn and with its table filled, in a headless Chromium with the network off.

Wall time on a machine that does other work as well says more of that work: the load is kept beside it, and
the CPU time of the building process is what the wall time would be on an idle core.

Run as `python -m benchmarks.report_size` from the top of the repository; it writes results/report_size.json.
"""

import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from millinet.provenance import commit, utc_now, versions
from tests.reports.generated import Plan, make_run

NUM_REPEATS = 5
BUILD = """
import json, resource, sys, time
from pathlib import Path
start = time.perf_counter()
from reports import build_report
page = build_report([Path(path) for path in sys.argv[2:]], Path(sys.argv[1]))
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
found = {"seconds": time.perf_counter() - start, "cpu_seconds": time.process_time()}
print(json.dumps(found | {"peak_mib": peak / 1024, "bytes": page.stat().st_size}))
"""


def build_in_a_fresh_process(runs: list[Path], out: Path) -> dict[str, Any]:
    """Return seconds with imports, peak memory in MiB and bytes of the page."""
    command = [sys.executable, "-c", BUILD, str(out), *map(str, runs)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return dict(json.loads(done.stdout))


def open_in_a_browser(page: Path) -> dict[str, Any]:
    """Return the seconds until the page is painted, of several openings; empty without a browser."""
    program = shutil.which("chromium")
    if program is None:
        return {}
    from playwright.sync_api import sync_playwright

    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=program, args=["--no-sandbox", "--disable-gpu"])
        seconds = []
        for _ in range(NUM_REPEATS):
            tab = browser.new_context(offline=True, viewport={"width": 1280, "height": 900}).new_page()
            start = time.perf_counter()
            tab.goto(page.as_uri())
            tab.evaluate("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
            seconds.append(time.perf_counter() - start)
            tab.context.close()
        version = browser.version
        browser.close()
    return {"browser": version, "seconds": sorted(seconds), "median_seconds": statistics.median(seconds)}


def main() -> None:
    """Measure both claims and write what came out."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        many = [
            make_run(folder / f"run{seed}", Plan(name=f"run {seed}", num_trials=2_000, seed=seed))
            for seed in range(20)
        ]
        built = [build_in_a_fresh_process(many, folder / "many") for _ in range(NUM_REPEATS)]
        single = build_in_a_fresh_process(many[:1], folder / "one")
        result = {
            "what": "report of 20 runs of 2,000 trials, and of one; generated run folders",
            "build_20x2000": {
                "seconds": sorted(entry["seconds"] for entry in built),
                "cpu_seconds": sorted(entry["cpu_seconds"] for entry in built),
                "peak_mib": max(entry["peak_mib"] for entry in built),
                "page_bytes": built[0]["bytes"],
                "num_repeats": NUM_REPEATS,
            },
            "page_2000": single | {"opened": open_in_a_browser(folder / "one" / "report.html")},
            "page_20x2000_opened": open_in_a_browser(folder / "many" / "report.html"),
            "device": {"machine": platform.machine(), "processor": _processor(), "load": os.getloadavg()},
            "versions": versions(),
            "commit": commit(),
            "time": utc_now(),
        }
    text = json.dumps(result, indent=2)
    Path(__file__).with_name("results").joinpath("report_size.json").write_text(text + "\n")
    print(text)


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "")


if __name__ == "__main__":
    main()
