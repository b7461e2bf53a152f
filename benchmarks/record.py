"""How every benchmark writes down what it found: rows, device, versions, commit, seeds, command and time."""

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from millinet.device import describe, resolve_device
from millinet.files import write_text
from millinet.provenance import as_shell, command_line, commit, utc_now, versions

RESULTS: Final = Path(os.environ.get("BENCHMARK_RESULTS") or Path(__file__).parent / "results")
"""Where results are written; the variable leads those that are no results elsewhere."""


def record(
    name: str,
    rows: Sequence[Mapping[str, Any]],
    *,
    device: str = "cpu",
    seeds: Sequence[int] = (),
    summary: Mapping[str, Any] | None = None,
) -> Path:
    """Print the rows and write them to results/NAME.json, or NAME_cuda.json for a GPU.

    Args:
        name: Name of the file; one that names the device itself is taken as it is.
        rows: What was measured; units stand in the keys.
        device: The device it was measured on, as torch writes it.
        seeds: Seeds of the repetitions.
        summary: What follows from the rows, such as a bar and whether it is met.
    """
    for row in rows:
        print("  ".join(f"{key}={_short(value)}" for key, value in row.items()))
    for key, value in (summary or {}).items():
        print(f"{key}: {_short(value)}")
    written = {
        "benchmark": name,
        "summary": dict(summary or {}),
        "rows": [dict(row) for row in rows],
        "n": len(rows),
        "seeds": list(seeds),
        "device": describe(device).as_dict(),
        "versions": versions(),
        "commit": commit(),
        # Files by their names: where they lay on that machine says nothing.
        "command": as_shell([Path(word).name if word.startswith("/") else word for word in command_line()]),
        "time": utc_now(),
    }
    kind = resolve_device(device).type
    path = RESULTS / (f"{name}.json" if kind == "cpu" or kind in name else f"{name}_{kind}.json")
    write_text(path, json.dumps(written, indent=2) + "\n")
    return path


def _short(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
