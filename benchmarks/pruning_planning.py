"""How long it takes to plan the pruning of a network to half its latency, the first time and after.

    OMP_NUM_THREADS=1 python -m benchmarks.pruning_planning
    OMP_NUM_THREADS=1 python -m benchmarks.pruning_planning --networks torchvision:resnet18 --resolution 64

Bar: ResNet-50 at 224 pixels in 60 s the first time and in 10 s after, when the table of layers is known. A
plan is all that comes before the first pruned network is measured: groups, scores, the table, and the widths.
The latency of the network itself, which any tool has to measure, is told beside it. The table is kept in an
empty folder, so that the first time is one. Under two minutes a network on one core.
"""

import argparse
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Any, Final

import torch
from torch import Tensor, nn

from benchmarks.record import record
from compress import ALLOCATIONS, PruneConfig, find_groups
from compress.allocation import Problem
from compress.choices import choices
from compress.latency_table import LatencyTable
from compress.layers import read_layers
from compress.step import channel_scores, noise_like
from millinet.latency import LatencyMeter
from millinet.models import load_model

BARS: Final = {"first": 60.0, "after": 10.0}
"""Seconds for the table's first use, and for any later one."""
RATIO: Final = 0.5


def planned(
    model: nn.Module, example: Tensor, table: LatencyTable, *, total_ms: float, device: str
) -> dict[str, Any]:
    """Choose widths as `prune` does before it cuts anything, and say what took how long.

    Args:
        model: In eval mode.
        example: An input batch, shape (batch, channels, height, width).
        table: Of the device; timings that it lacks are taken.
        total_ms: Latency of the model.
        device: Where it is measured.
    """
    config = PruneConfig(latency_ratio=RATIO, device=device)
    started = perf_counter()
    groups = find_groups(model, noise_like(example))
    allowed = choices(groups, channel_scores(model, groups, config.criterion), config)
    layers = read_layers(model, example, groups, {})
    traced = perf_counter()
    price = table.price(model, example, layers, total_ms)
    timed = perf_counter()
    problem = Problem(
        choices=allowed,
        layers=layers,
        totals={group.index: group.num_channels for group in groups},
        price=price,
        fixed=price.fixed,
    )
    widths = ALLOCATIONS["knapsack"](problem, RATIO * problem.cost(problem.full))
    ended = perf_counter()
    return {
        "groups_seconds": traced - started,
        "table_seconds": timed - traced,
        "widths_seconds": ended - timed,
        "plan_seconds": ended - started,
        "predicted_share": problem.cost(widths) / problem.cost(problem.full),
    }


def rows_of(source: str, resolution: int, meter: LatencyMeter) -> list[dict[str, Any]]:
    """Plan for one network with an empty table, and once more with what that left."""
    torch.manual_seed(0)
    model = load_model(source, num_classes=1000, in_channels=3, resolution=(resolution, resolution)).model
    model.to(meter.device)
    example = torch.zeros(1, 3, resolution, resolution, device=meter.device)
    started = perf_counter()
    total_ms = meter.measure(model, example).median_ms
    seconds = perf_counter() - started
    rows = []
    with TemporaryDirectory() as folder:
        for time, bar in BARS.items():
            table = LatencyTable(meter, Path(folder) / "layers.json")
            row = planned(model, example, table, total_ms=total_ms, device=str(meter.device))
            is_met = row["plan_seconds"] <= bar
            told = {"network": source, "time": time, "resolution": resolution, "measuring_seconds": seconds}
            rows.append(told | row | {"bar_seconds": bar, "is_met": is_met})
    return rows


def main() -> None:
    """Plan for every network, and write how long it took."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--networks", nargs="+", default=["torchvision:resnet50", "torchvision:resnet18"], help="sources"
    )
    parser.add_argument("--resolution", type=int, default=224)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--name", default="pruning_planning", help="file of the results")
    given = parser.parse_args()
    rows: list[dict[str, Any]] = []
    with LatencyMeter(given.device) as meter:
        for source in given.networks:
            rows += rows_of(source, given.resolution, meter)
    summary = {"num_met": sum(row["is_met"] for row in rows), "num_rows": len(rows)}
    record(given.name, rows, device=given.device, seeds=[0], summary=summary)


if __name__ == "__main__":
    main()
