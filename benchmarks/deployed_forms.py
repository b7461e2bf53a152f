"""What it gains to make convolutions that read the same one again, where pruning had them apart.

    OMP_NUM_THREADS=1 python -m benchmarks.deployed_forms [--device cuda]

A dual path block ends in one convolution for each path, and a gated block begins with one for each order, so
that every channel can be followed. Deployed, they are joined. Both forms have their batch norms folded and
are called in turn, visit by visit, beside the form that keeps them apart; what that form's own ratio is off
from one says what a figure is worth. On one core, about three minutes.
"""

import argparse
from dataclasses import replace
from typing import Any, Final, NamedTuple

import torch
from torch import nn

from benchmarks.pruning_others import JUDGING, in_turn
from benchmarks.record import record
from millinet.latency import LatencyMeter, LatencySettings, fold_batch_norms, inference_form
from search_spaces import network


class Case(NamedTuple):
    """A network, called with square images."""

    name: str
    resolution: int
    batch: int


CASES: Final = (
    Case("dpn92", 224, 1),
    Case("dpn92_small", 32, 32),
    Case("hornet_tiny", 224, 1),
    Case("hornet_tiny", 64, 16),
)


def row(case: Case, device: str, settings: LatencySettings) -> dict[str, Any]:
    """Measure both forms of one network."""
    torch.manual_seed(0)
    size = (case.resolution, case.resolution)
    model = network(case.name, num_classes=10, in_channels=3, resolution=size).build().eval()
    example = torch.randn(case.batch, 3, *size)
    forms = {"apart": fold_batch_norms(model, example[:1]), "joined": inference_form(model, example[:1])}
    beside = (forms["apart"], example)
    with LatencyMeter(device, replace(settings, fold=False, **JUDGING), reference=beside) as meter:
        found = in_turn(meter, forms, example)
    measured: dict[str, Any] = case._asdict()
    for name, form in forms.items():
        measured |= {
            f"{name}_convolutions": sum(isinstance(part, nn.Conv2d) for part in form.modules()),
            f"{name}_ms": found[name].median_ms,
            f"{name}_ratio": found[name].ratio,
            f"{name}_ratio_interval": [found[name].ratio_low, found[name].ratio_high],
            f"{name}_status": found[name].status,
        }
    return measured


def main() -> None:
    """Measure every case and write the figures."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--dtype", default="fp32")
    given = parser.parse_args()
    rows = [row(case, given.device, LatencySettings(dtype=given.dtype)) for case in CASES]
    record("deployed_forms", rows, device=given.device, seeds=[0])


if __name__ == "__main__":
    main()
