"""Measure a finished network in fresh processes: the spread between them is invisible from inside one."""

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from millinet.device import resolve_device
from millinet.errors import ConfigError, MeasurementError
from millinet.latency.budget import Budget
from millinet.latency.measurement import UNFIT, LatencyMeasurement, combine
from millinet.latency.settings import LatencySettings

TRIES = 2
"""Processes started at most for each one wanted, where some met a machine that was unfit to measure."""
TIMEOUT_SECONDS = 600
"""A fresh process that takes longer is given up."""


def certify(  # noqa: PLR0913 - the request, field by field
    source: str | Path,
    input_shape: tuple[int, int, int],
    *,
    budget: Budget | None = None,
    device: str | torch.device | None = "cpu",
    settings: LatencySettings | None = None,
    num_processes: int = 3,
    plugins: Sequence[Path] = (),
    base: Path | None = None,
) -> LatencyMeasurement:
    """Measure a network in fresh processes, one after the other, and combine what they found.

    Args:
        source: A winner's folder or any other source `millinet.models.load_model` takes.
        input_shape: (channels, height, width) of one image.
        budget: Resolved budget; each process stops once it is certain of it.
        device: As for `measure`.
        settings: As for `measure`.
        num_processes: Fresh processes, at least 1; fewer than 3 say little about their spread.
        plugins: Plug-in files the network needs.
        base: Folder of the network that a budget such as `0.5x` refers to; without it, and without a name in
            the budget, the machine's pace in each process counts.

    Raises:
        MeasurementError: If a process fails; the message is its own.
    """
    if num_processes < 1:
        raise ConfigError(f"num_processes must be at least 1, got {num_processes}")
    request = {
        "source": str(source),
        "input_shape": list(input_shape),
        "budget": None if budget is None else budget.as_dict(),
        "device": str(resolve_device(device)),
        "settings": (settings or LatencySettings()).as_dict(),
        "plugins": [str(path) for path in plugins],
        "base": None if base is None else str(base),
    }
    found: list[LatencyMeasurement] = []
    fit: list[LatencyMeasurement] = []
    while len(fit) < num_processes and len(found) < TRIES * num_processes:
        found.append(LatencyMeasurement.from_dict(_ask(request)))
        fit = [one for one in found if one.status not in UNFIT]
    return combine(fit if len(fit) == num_processes else found)


def _ask(request: dict[str, Any]) -> dict[str, Any]:
    # Threads are the settings' business: a fresh process must not start a pool of its own first.
    environment = {**os.environ, "OMP_NUM_THREADS": str(request["settings"]["threads"])}
    try:
        done = subprocess.run(
            [sys.executable, "-m", "millinet.latency.fresh"],
            input=json.dumps(request),
            capture_output=True,
            text=True,
            timeout=TIMEOUT_SECONDS,
            env=environment,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise MeasurementError(
            f"a fresh process measured {request['source']} for over {TIMEOUT_SECONDS} s; use a smaller input"
        ) from error
    try:
        answer: dict[str, Any] = json.loads(done.stdout)
    except ValueError as error:
        last = (done.stderr.strip().splitlines() or ["it said nothing"])[-1]
        raise MeasurementError(
            f"a fresh process that measured {request['source']} ended with code {done.returncode}: {last}"
        ) from error
    if "error" in answer:
        raise MeasurementError(f"a fresh process could not measure {request['source']}: {answer['error']}")
    return answer
