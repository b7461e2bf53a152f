"""How near pruning lands to a latency budget, beside torch-pruning asked for as many MACs.

    OMP_NUM_THREADS=1 python -m benchmarks.pruning_budget [--only resnet18@0.5 resnet50] [--device cuda]
    OMP_NUM_THREADS=1 python -m benchmarks.pruning_budget --only resnet18@0.5 --resolution 64    # short form

Bar: the median is within 3% of the target and never more than 1% over it. After everything was chosen, ours,
torch-pruning's and the unpruned network are measured once more, visit by visit in turn, and each visit holds
calls of the unpruned network as it is deployed: judged is the ratio to it, from which drifts of the machine
cancel. What the unpruned network's own ratio is off from one says what a figure here is worth. Each case that
is done is kept in --state, so a run that was stopped goes on where it was, and --minutes does the whole in
slices; the file of the results holds every case done so far. One that met a machine unfit to measure is no
result, and is done again. On one core, about three minutes a case.
"""

import argparse
import json
from dataclasses import replace
from pathlib import Path
from time import perf_counter
from typing import Any, Final, NamedTuple

import torch
from torch import Tensor, nn

from benchmarks.pruning_others import JUDGING, by_ratio, in_turn, nearest
from benchmarks.record import record
from compress import prune
from millinet.costs import count
from millinet.errors import MillinetError
from millinet.latency import LatencyMeter, LatencySettings
from millinet.latency.folding import inference_form
from millinet.latency.measurement import SEVERITY, UNFIT
from millinet.models import load_model

NUM_CLASSES: Final = 1000
RATIOS: Final = (0.7, 0.5, 0.35)
FAMILIES: Final = (
    "torchvision:resnext50_32x4d",
    "torchvision:wide_resnet50_2",
    "torchvision:regnet_y_400mf",
    "torchvision:mobilenet_v2",
    "torchvision:mobilenet_v3_large",
    "torchvision:efficientnet_b0",
    "torchvision:mnasnet1_0",
    "torchvision:densenet121",
    "torchvision:vgg11_bn",
    "torchvision:googlenet",
    "torchvision:squeezenet1_1",
    "torchvision:convnext_tiny",
    "torchvision:shufflenet_v2_x1_0",
    "network:dpn92",
    "network:hornet_tiny",
)
UNDER: Final = 0.03
OVER: Final = 0.01


class Case(NamedTuple):
    """One network at one ratio of its latency."""

    source: str
    ratio: float

    @property
    def name(self) -> str:
        """The case as --only takes it."""
        return f"{self.source.partition(':')[2]}@{self.ratio:g}"


def cases() -> list[Case]:
    """List every case of the full benchmark."""
    resnets = [Case(f"torchvision:{name}", ratio) for name in ("resnet18", "resnet50") for ratio in RATIOS]
    return resnets + [Case(source, 0.5) for source in FAMILIES]


def chosen(only: list[str]) -> list[Case]:
    """Return the cases whose name is, or begins before the @ with, one of those given."""
    found = [case for case in cases() if not only or {case.name, case.name.partition("@")[0]} & set(only)]
    if not found:
        raise SystemExit(f"--only takes names of {', '.join(case.name for case in cases())}, got {only}")
    return found


def by_macs(model: nn.Module, example: Tensor, ratio: float) -> nn.Module:
    """Prune with torch-pruning's global L2 at the channel ratio whose MACs are nearest to `ratio`."""
    return nearest(
        lambda channels: by_ratio(
            model, example, method="l2-global", ratio=channels, num_classes=NUM_CLASSES
        ),
        lambda pruned: float(count(pruned, example).macs),
        ratio * count(model, example).macs,
    )


def run(case: Case, example: Tensor, meter: LatencyMeter) -> dict[str, Any]:
    """Prune one network both ways, and measure all three together."""
    started = perf_counter()
    torch.manual_seed(0)
    channels, height, width = example.shape[1:]
    loaded = load_model(
        case.source, num_classes=NUM_CLASSES, in_channels=channels, resolution=(height, width)
    )
    loaded.model.to(example.device)
    row: dict[str, Any] = {"case": case.name, "ratio": case.ratio}
    try:
        pruned = prune(loaded.model, example, latency_ratio=case.ratio, meter=meter, device=str(meter.device))
    except MillinetError as error:
        return row | {"refused": str(error), "seconds": perf_counter() - started}
    row |= {
        "accepted_ms": pruned.certificate["median_ms"],
        "limit_ms": pruned.budget and pruned.budget.limit_ms,
        "verdict": pruned.certificate["verdict"],
        "prune_seconds": perf_counter() - started,
    }
    models = {"full": loaded.model, "ours": pruned.model}
    try:
        models["theirs"] = by_macs(loaded.model, example, case.ratio)
    except Exception as error:  # noqa: BLE001 - whatever torch-pruning raises is its result
        row["theirs_failed"] = f"{type(error).__name__}: {str(error)[:100]}"
    unpruned = inference_form(loaded.model, example)
    with LatencyMeter(
        meter.device, replace(meter.settings, **JUDGING), reference=(unpruned, example)
    ) as judge:
        found = in_turn(judge, models, example)
    for name, measured in found.items():
        row[f"{name}_ms"], row[f"{name}_macs"] = measured.median_ms, count(models[name], example).macs
        target = 1.0 if name == "full" else case.ratio
        row[f"{name}_over"] = measured.ratio / target - 1.0
        row[f"{name}_over_interval"] = [
            measured.ratio_low / target - 1.0,
            measured.ratio_high / target - 1.0,
        ]
        row[f"{name}_num_visits"] = measured.num_visits
    row["status"] = max((measured.status for measured in found.values()), key=SEVERITY.index)
    is_met = -UNDER <= row["ours_over"] <= OVER
    row["is_met"] = None if row["status"] in UNFIT else is_met
    return row | {"seconds": perf_counter() - started}


def main() -> None:
    """Run the cases that are not done yet, and write the figures of all."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", nargs="+", default=[], help="cases, as resnet18@0.5, or networks")
    parser.add_argument("--resolution", type=int, default=224)
    parser.add_argument("--batch", type=int, default=1)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--dtype", default="fp32")
    parser.add_argument("--state", type=Path, default=Path("runs/pruning_budget.jsonl"), help="cases done")
    parser.add_argument("--minutes", type=float, default=float("inf"), help="no case begins after so many")
    parser.add_argument("--name", default="pruning_budget", help="file of the results")
    given = parser.parse_args()
    form = {name: getattr(given, name) for name in ("resolution", "batch", "device", "dtype")}
    given.state.parent.mkdir(parents=True, exist_ok=True)
    text = given.state.read_text(encoding="utf-8") if given.state.exists() else ""
    kept = [json.loads(line) for line in text.splitlines()]
    done = {
        row["case"]: row for row in kept if row.items() >= form.items() and row.get("status") not in UNFIT
    }
    example = torch.zeros(given.batch, 3, given.resolution, given.resolution, device=given.device)
    started = perf_counter()
    with LatencyMeter(given.device, LatencySettings(dtype=given.dtype)) as meter:
        for case in chosen(given.only):
            if case.name not in done and perf_counter() - started < 60.0 * given.minutes:
                done[case.name] = form | run(case, example, meter)
                with given.state.open("a", encoding="utf-8") as state:
                    state.write(json.dumps(done[case.name]) + "\n")
                print(f"{case.name}: {done[case.name]['seconds']:.0f} s", flush=True)
    rows = [done[case.name] for case in cases() if case.name in done]
    record(given.name, rows, device=given.device, seeds=[0], summary=summary(rows))


def summary(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Say how many cases meet the bar, and how far off ours and theirs are at most."""
    num_met = sum(bool(row.get("is_met")) for row in rows)
    missing = [case.name for case in cases() if case.name not in {row["case"] for row in rows}]
    found: dict[str, Any] = {"bar": f"-{UNDER:.0%} to +{OVER:.0%}", "num_met": num_met, "not_run": missing}
    for name in ("ours_over", "theirs_over"):
        values = [row[name] for row in rows if name in row]
        if values:
            found |= {f"{name}_lowest": min(values), f"{name}_highest": max(values)}
    num_unfit = sum(row.get("status") in UNFIT for row in rows)
    found |= {"num_unfit": num_unfit, "num_refused": sum("refused" in row for row in rows)}
    return found | {"seconds": sum(row["seconds"] for row in rows)}


if __name__ == "__main__":
    main()
