"""Where a figure comes from: versions, commit, time and the command that made it."""

import platform
import shlex
import subprocess
import sys
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Final

from millinet.masking import masked

_RECORDED: Final = (
    "millinet",
    "torch",
    "torchvision",
    "optuna",
    "torch-pruning",
    "scikit-learn",
    "pandas",
    "numpy",
    "onnxruntime",
)


@cache
def versions() -> dict[str, str]:
    """Return the version of Python and of every package a result depends on."""
    found = {"python": platform.python_version()}
    for name in _RECORDED:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


@cache
def commit() -> str:
    """Return the commit millinet runs from, with `+` for local changes, or its version when installed."""
    here = Path(__file__).parent
    answers = []
    for arguments in (["rev-parse", "--short=12", "HEAD"], ["status", "--porcelain", "--untracked-files=no"]):
        try:
            done = subprocess.run(
                ["git", "-C", str(here), *arguments], capture_output=True, text=True, check=True, timeout=5
            )
        except (OSError, subprocess.SubprocessError):
            return versions().get("millinet", "unknown")
        answers.append(done.stdout.strip())
    return answers[0] + ("+" if answers[1] else "")


def utc_now() -> str:
    """Return the time as ISO 8601 in UTC, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def command_line() -> list[str]:
    """Return the command that started this process, the program by its bare name and no password in it."""
    program = Path(sys.argv[0])
    # Under `python -m millinet` the program is called by the file it lies in.
    name = program.parent.name if program.name == "__main__.py" else program.name
    return [name, *map(masked, sys.argv[1:])]


def as_shell(command: list[str]) -> str:
    """Write a command so that a shell reads it back as the same words."""
    return shlex.join(command)
