"""What the latency benchmarks measure, and how they write down what they found."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from millinet.device import describe
from millinet.files import write_text
from millinet.latency.references import rung
from millinet.models import load_model
from millinet.provenance import as_shell, command_line, commit, utc_now, versions

RESULTS = Path(__file__).parent / "results"


class Benched(NamedTuple):
    """A network and its input."""

    name: str
    model: nn.Module
    example: Tensor


def subjects() -> list[Benched]:
    """Return a plain network of 0.4 ms on one core, and one of many small layers of 1.5 ms."""
    generator = torch.Generator().manual_seed(0)
    shapes = {"network:resnet20": (3, 8, 8), "torchvision:mobilenet_v2": (3, 32, 32)}
    torch.manual_seed(0)
    return [
        Benched(
            f"{source} {channels}x{height}x{width}",
            load_model(source).model,
            torch.randn(1, channels, height, width, generator=generator),
        )
        for source, (channels, height, width) in shapes.items()
    ]


def same_as_reference() -> Benched:
    """Return a network whose reference is its own copy; the ratio of the two is 1."""
    network, example = rung(6)
    return Benched("same against same", network, example)


def report(name: str, rows: Sequence[dict[str, Any]]) -> None:
    """Print the rows and write them, with device, versions and command, to results/NAME.json."""
    for row in rows:
        print("  ".join(f"{key}={_short(value)}" for key, value in row.items()))
    written = {
        "benchmark": name,
        "rows": list(rows),
        "device": describe("cpu").as_dict(),
        "versions": versions(),
        "commit": commit(),
        "command": as_shell(command_line()),
        "time": utc_now(),
    }
    write_text(RESULTS / f"{name}.json", json.dumps(written, indent=2) + "\n")


def _short(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
