"""The repository's own rules, as tests: so the test command checks everything."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent
PACKAGES = ("millinet", "search_spaces", "nas", "compress", "reports")


@pytest.mark.parametrize(
    "command",
    [
        ["ruff", "format", "--check", "."],
        ["ruff", "check", "."],
        ["lint-imports"],
        ["interrogate", "-q", *PACKAGES],
        ["vulture"],
        ["mypy", *PACKAGES],
    ],
    ids=["format", "lint", "imports", "docstrings", "dead-code", "types"],
)
def test_the_check_passes(command: list[str]) -> None:
    done = subprocess.run([str(BIN / command[0]), *command[1:]], cwd=ROOT, capture_output=True, text=True)

    assert done.returncode == 0, done.stdout + done.stderr


def test_reports_load_neither_torch_nor_optuna() -> None:
    program = (
        "import sys, reports, reports.commands; print([n for n in ('torch', 'optuna') if n in sys.modules])"
    )

    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "[]"


def test_help_answers_without_loading_torch() -> None:
    program = (
        "import sys\n"
        "from millinet.cli import main\n"
        "try: main(['--help'])\n"
        "except SystemExit as end: assert end.code == 0\n"
        "print([n for n in ('torch', 'optuna', 'pandas') if n in sys.modules])"
    )

    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert done.stdout.strip().endswith("[]")
    assert "search" in done.stdout


def test_nothing_unpickles_what_a_user_gives() -> None:
    sources = [file for package in PACKAGES for file in (ROOT / package).rglob("*.py")]

    offending = [
        f"{file}:{number}: {line.strip()}"
        for file in sources
        for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), start=1)
        if ("torch.load(" in line and "weights_only=True" not in line)
        or any(word in line for word in ("pickle.load", "Unpickler(", "import joblib", "from joblib"))
        or "import yaml" in line
    ]

    assert offending == []


def test_only_the_timer_reads_a_clock_for_latency() -> None:
    clocks = ("time.perf_counter", "import perf_counter", "time.process_time", "cuda.Event")

    readers = {
        file.name
        for file in (ROOT / "millinet" / "latency").rglob("*.py")
        if any(clock in file.read_text(encoding="utf-8") for clock in clocks)
    }

    # On CUDA the device keeps its own clock: events are read beside the launches they enclose.
    assert readers <= {"timer.py", "cuda.py"}
