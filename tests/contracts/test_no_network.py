"""A search speaks to nobody: no network call, no telemetry, no install at run time."""

import os
import subprocess
import sys
from pathlib import Path

# Loaded by every Python that the search starts: the program, the candidates' process, the fresh processes.
WATCH = """
import os, sys

def watch(event, arguments):
    if event == "socket.getaddrinfo" or (event == "socket.connect" and isinstance(arguments[1], tuple)):
        with open(os.environ["CALLS"], "a") as calls:
            calls.write(f"{event} {arguments[1:]}\\n")
        raise PermissionError("the network is closed to this test")

sys.addaudithook(watch)
"""


def run_watched(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    (folder / "sitecustomize.py").write_text(WATCH)
    environment = os.environ | {
        "PYTHONPATH": str(folder),
        "CALLS": str(folder / "calls"),
        "OMP_NUM_THREADS": "1",
    }
    return subprocess.run([sys.executable, *words], capture_output=True, text=True, env=environment)


def test_the_watch_sees_a_call(tmp_path: Path) -> None:
    call = "import socket; socket.create_connection(('127.0.0.1', 9))"

    done = run_watched(tmp_path, "-c", call)

    assert "the network is closed to this test" in done.stderr
    assert "socket.getaddrinfo" in (tmp_path / "calls").read_text()


def test_a_search_calls_nobody(tmp_path: Path) -> None:
    words = ["search", "--trials", "2", "--winners", "1", "--latency-budget", "1s", "--final-recipe", "quick"]

    done = run_watched(tmp_path, "-m", "millinet", *words, "--out", str(tmp_path / "run"))

    assert done.returncode in (0, 3), done.stderr
    assert not (tmp_path / "calls").exists()
