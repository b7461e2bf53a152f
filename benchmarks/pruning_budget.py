"""How near pruning lands to a latency budget, beside torch-pruning asked for as many MACs.

    OMP_NUM_THREADS=1 python benchmarks/pruning_budget.py --models resnet18 resnet50 --ratios 0.7 0.5 0.35

Bar: the median within 3% below the target and never more than 1% over it. One meter measures both prunings.
"""

import argparse
import copy
import json
from pathlib import Path
from typing import Any

import torch
import torch_pruning as tp
from torch import Tensor, nn
from torchvision import models

from compress import prune
from millinet.costs import count
from millinet.device import describe
from millinet.latency import LatencyMeter, LatencySettings
from millinet.provenance import utc_now, versions


def by_macs(model: nn.Module, example: Tensor, ratio: float) -> nn.Module:
    """Prune with torch-pruning's global L2 until the MACs are at the ratio."""
    pruned = copy.deepcopy(model)
    pruner = tp.pruner.BasePruner(
        pruned,
        example,
        importance=tp.importance.GroupMagnitudeImportance(p=2),
        global_pruning=True,
        pruning_ratio=0.95,
        iterative_steps=200,
        ignored_layers=[module for module in pruned.modules() if getattr(module, "out_features", 0) == 1000],
        in_channel_groups={},
        out_channel_groups={},
        num_heads={},
    )
    full = count(model, example).macs
    for _ in range(200):
        if count(pruned, example).macs <= ratio * full:
            break
        pruner.step()
    return pruned.eval()


def main() -> None:
    """Prune every model to every ratio, print a line each, and write the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--models", nargs="+", default=["resnet18", "resnet50"])
    parser.add_argument("--ratios", nargs="+", type=float, default=[0.7, 0.5, 0.35])
    parser.add_argument("--resolution", type=int, default=224)
    parser.add_argument("--batch", type=int, default=1)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--dtype", default="fp32")
    parser.add_argument("--no-baseline", action="store_true")
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/pruning_budget.json"))
    given = parser.parse_args()
    example = torch.zeros(given.batch, 3, given.resolution, given.resolution)
    rows: list[dict[str, Any]] = []
    with LatencyMeter(given.device, LatencySettings(dtype=given.dtype)) as meter:
        for name in given.models:
            torch.manual_seed(0)
            model = models.get_model(name, weights=None).eval()
            for ratio in given.ratios:
                pruned = prune(model, example, latency_ratio=ratio, meter=meter)
                limit_ms = (pruned.budget and pruned.budget.limit_ms) or float("nan")
                again = meter.measure(pruned.model, example)
                row = {
                    "model": name,
                    "ratio": ratio,
                    "limit_ms": limit_ms,
                    "accepted_ms": pruned.certificate["median_ms"],
                    "again_ms": again.median_ms,
                    "again_low_ms": again.low_ms,
                    "again_high_ms": again.high_ms,
                    "over_limit": again.median_ms / limit_ms - 1.0,
                    "status": again.status,
                }
                if not given.no_baseline:
                    baseline = meter.measure(by_macs(model, example, ratio), example)
                    row["torch_pruning_over_limit"] = baseline.median_ms / limit_ms - 1.0
                rows.append(row)
                print(json.dumps(row), flush=True)
    given.out.parent.mkdir(parents=True, exist_ok=True)
    about = {"device": describe(given.device).as_dict(), "versions": versions(), "time": utc_now()}
    given.out.write_text(json.dumps({**about, "rows": rows}, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
