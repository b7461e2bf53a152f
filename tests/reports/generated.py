"""Run folders like those of real searches, made from a seed: real files, numbers from a plausible model."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import numpy as np

from millinet.certificate import Certificate
from millinet.files import write_text
from millinet.frames import HISTORY, LATENCY, LAYERS, TRIALS
from millinet.runs import RunFolder, RunRecord
from millinet.statistics import wilson_interval

BLOCKS: Final = ("basic", "bottleneck", "inverted")
NUM_VALIDATION: Final = 360
NUM_TEST: Final = 360
START: Final = datetime(2026, 11, 21, 9, tzinfo=UTC)


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What a generated run should look like."""

    name: str = "digits-tiny"
    num_trials: int = 24
    seed: int = 0
    status: str = "complete"
    device: str = "Intel Xeon 8481C"
    limit_ms: float = 0.5
    num_winners: int = 2
    is_pruned: bool = True
    has_params: bool = True


def make_run(folder: Path, plan: Plan | None = None) -> Path:
    """Write a run folder at `folder` and return it."""
    plan = plan or Plan()
    rng = np.random.default_rng(plan.seed)
    run = RunFolder.create(folder, _record(plan))
    rows = [_trial(number, rng, plan) for number in range(plan.num_trials)]
    run.write(TRIALS, TRIALS.frame(rows))
    run.write(LATENCY, LATENCY.frame(_measured(row, plan) for row in rows if row["latency_ms"]))
    inside = [row for row in rows if row["verdict"] == "meets" and row["accuracy"]]
    best = sorted(inside, key=lambda row: -row["accuracy"])[: plan.num_winners]
    run.write(HISTORY, HISTORY.frame(_epochs(rows, best, rng)))
    for rank, row in enumerate(best, start=1):
        _write_winner(run.winner_path(rank), row, plan, shrink=0.7 if plan.is_pruned else 1.0)
        if plan.is_pruned:
            _write_winner(run.winner_path(rank) / "before", row, plan, shrink=1.0)
            LAYERS.write(LAYERS.frame(_layers(rng)), run.winner_path(rank) / "layers.csv")
    run.seal()
    return folder


def _record(plan: Plan) -> RunRecord:
    return RunRecord(
        name=plan.name,
        status=plan.status,
        created="2026-11-21T09:00:00+00:00",
        command=["millinet", "search", "--data", "digits", "--latency-budget", f"{plan.limit_ms}ms"],
        config={"data": "digits", "space": "tiny", "seed": plan.seed, "sampler": "gated"},
        num_trials=plan.num_trials,
        seed=plan.seed,
        versions={"python": "3.11.7", "torch": "2.15.0", "optuna": "5.0.0", "millinet": "0.1.0"},
        commit="0123456789ab",
        device={
            "device": "cpu",
            "kind": "cpu",
            "name": plan.device,
            "threads": 1,
            "cores": 2,
            "driver": None,
        },
        data={
            "spec": "digits",
            "fingerprint": "a1b2c3d4e5f6",
            "num_classes": 10,
            "class_names": [str(digit) for digit in range(10)],
            "input_shape": [1, 8, 8],
            "sizes": {"train": 1077, "validation": NUM_VALIDATION, "test": NUM_TEST},
        },
        budget={"text": f"{plan.limit_ms}ms", "limit_ms": plan.limit_ms},
        space={"name": "tiny", "fingerprint": "beef", "size": "41472"},
        recipes={
            "search": {"epochs": 12, "learning_rate": 0.1, "mixup": 0.0, "clip_norm": None},
            "final": {"epochs": 30, "learning_rate": 0.1, "ema_decay": 0.99},
        },
        phases={
            "search": 9.5 * plan.num_trials,
            "training winners": 41.0,
            "pruning": 18.4,
            "certificate": 12.1,
        },
    )


def _trial(number: int, rng: np.random.Generator, plan: Plan) -> dict[str, Any]:
    stages = [
        (str(rng.choice(BLOCKS)), int(rng.choice([8, 16, 24, 32])), int(rng.integers(1, 4))) for _ in range(3)
    ]
    head = str(rng.choice(["dense", "sparse"]))
    work = sum(width * depth * (1.4 if block == "inverted" else 1.0) for block, width, depth in stages)
    latency_ms = 0.08 + 0.004 * work * float(np.exp(rng.normal(0, 0.08)))
    accuracy = (
        0.99 - 0.35 * float(np.exp(-work / 45)) + float(rng.normal(0, 0.006)) + 0.004 * (head == "sparse")
    )
    state = "complete" if latency_ms <= plan.limit_ms else "over budget"
    cause = ""
    if rng.random() < 0.04:
        state, cause = "failed", str(rng.choice(["out of memory", "loss became NaN in epoch 2"]))
    elif state == "complete" and rng.random() < 0.2:
        state, accuracy = "pruned early", accuracy - 0.05
    params = {"head": head}
    for index, (block, width, depth) in enumerate(stages):
        params |= {f"s{index}.block": block, f"s{index}.width": width, f"s{index}.depth": depth}
        if block == "inverted":
            params[f"s{index}.inverted.expand"] = int(rng.choice([2, 4, 6]))
    text = " ".join(f"{depth}x{block}-{width}" for block, width, depth in stages)
    is_trained = state in ("complete", "pruned early")
    return {
        "trial": number,
        "state": state,
        "architecture": f"plain-8 {text} {head}",
        "fingerprint": f"{number:04x}{plan.seed:04x}",
        "blocks": " ".join(block for block, _, _ in stages),
        "head": head,
        "parameters": int(work * 900),
        "macs": int(work * 30_000),
        "latency_ms": latency_ms,
        "latency_low_ms": latency_ms * 0.985,
        "latency_high_ms": latency_ms * 1.02,
        "latency_p95_ms": latency_ms * 1.15,
        "budget_ms": plan.limit_ms,
        "verdict": "meets" if latency_ms <= plan.limit_ms else "fails",
        "accuracy": min(round(accuracy * NUM_VALIDATION), NUM_VALIDATION) / NUM_VALIDATION
        if is_trained
        else None,
        "epochs": 12 if state == "complete" else 4 if is_trained else 0,
        "measure_seconds": 0.8,
        "train_seconds": 9.0 if state == "complete" else 3.0 if is_trained else 0.0,
        "started": (START + timedelta(seconds=9 * number)).isoformat(),
        "cause": cause,
        "params": json.dumps(params) if plan.has_params else None,
    }


def _measured(row: dict[str, Any], plan: Plan) -> dict[str, Any]:
    same = {key: row[key] for key in ("fingerprint", "parameters", "macs", "budget_ms", "verdict")}
    same |= {key: value for key, value in row.items() if key.startswith("latency_")}
    return same | {
        "model": f"trial:{row['trial']}",
        "confidence": 0.95,
        "num_visits": 5,
        "num_calls": 250,
        "num_processes": 1,
        "status": "ok",
        "memory_mib": row["macs"] / 4e6,
        "engine": "torch",
        "device": "cpu",
        "device_name": plan.device,
        "threads": 1,
        "dtype": "fp32",
        "batch": 1,
        "folded": True,
    }


def _epochs(
    rows: list[dict[str, Any]], best: list[dict[str, Any]], rng: np.random.Generator
) -> list[dict[str, Any]]:
    trainings = [(f"trial:{row['trial']}", "search", row, row["epochs"]) for row in rows if row["epochs"]]
    for rank, row in enumerate(best, start=1):
        trainings += [(f"final:{row['trial']}", "final", row, 30), (f"winner:{rank}", "recovery", row, 8)]
    return [
        {
            "model": model,
            "phase": phase,
            "epoch": epoch,
            "learning_rate": 0.1 * (1 - epoch / 31),
            "train_loss": 2.3 * float(np.exp(-epoch / 6)) + 0.02,
            "accuracy": row["accuracy"] - 0.4 * float(np.exp(-epoch / 5)) + float(rng.normal(0, 0.003)),
            "images_per_second": 9000.0,
            "seconds": 1.2,
        }
        for model, phase, row, num_epochs in trainings
        for epoch in range(1, num_epochs + 1)
    ]


def _layers(rng: np.random.Generator) -> list[dict[str, Any]]:
    widths = [1, 8, 16, 16, 24, 24, 32, 32]
    kept = [1, *(max(4, int(width * rng.uniform(0.5, 1.0))) for width in widths[1:])]
    shares = rng.dirichlet(np.full(8, 4.0))
    later = rng.dirichlet(np.full(8, 4.0))
    names = [
        "stem.conv",
        *(f"stages.{stage}.{block}.conv{n}" for stage in range(3) for block, n in ((0, 1), (0, 2))),
    ]
    rows = [
        {
            "layer": name,
            "kind": "Conv2d",
            "group": place,
            "in_before": widths[place],
            "in_after": kept[place],
            "out_before": widths[place + 1],
            "out_after": kept[place + 1],
            "parameters_before": 9 * widths[place] * widths[place + 1],
            "parameters_after": 9 * kept[place] * kept[place + 1],
            "macs_before": 576 * widths[place] * widths[place + 1],
            "macs_after": 576 * kept[place] * kept[place + 1],
            "share_before": float(shares[place]),
            "share_after": float(later[place]),
        }
        for place, name in enumerate(names)
    ]
    head = {"layer": "head", "kind": "Linear", "in_before": widths[-1], "in_after": kept[-1]}
    head |= {"out_before": 10, "out_after": 10, "note": "decides the classes: left alone"}
    head |= {"parameters_before": 10 * widths[-1] + 10, "parameters_after": 10 * kept[-1] + 10}
    return [*rows, head | {"share_before": float(shares[7]), "share_after": float(later[7])}]


def _write_winner(folder: Path, row: dict[str, Any], plan: Plan, *, shrink: float) -> None:
    median = row["latency_ms"] * shrink
    correct = min(round((row["accuracy"] + 0.002) * NUM_TEST), NUM_TEST)
    bounds = wilson_interval(correct, NUM_TEST)
    certificate = Certificate(
        verdict="meets" if median * 1.02 <= plan.limit_ms else "undecided",
        budget=f"{plan.limit_ms}ms",
        budget_ms=plan.limit_ms,
        median_ms=median,
        low_ms=median * 0.99,
        high_ms=median * 1.015,
        p95_ms=median * 1.12,
        p95_low_ms=median * 1.08,
        p95_high_ms=median * 1.2,
        confidence=0.95,
        num_calls=900,
        num_processes=3,
        test_accuracy=bounds.estimate,
        test_accuracy_low=bounds.low,
        test_accuracy_high=bounds.high,
        num_test_images=NUM_TEST,
        validation_accuracy=row["accuracy"],
        parameters=int(row["parameters"] * shrink),
        macs=int(row["macs"] * shrink),
        input_shape=[1, 8, 8],
        architecture=row["architecture"],
        fingerprint=row["fingerprint"],
        trial=row["trial"],
        device={"device": "cpu", "kind": "cpu", "name": plan.device, "threads": 1, "driver": None},
        settings={"dtype": "fp32", "batch": 1, "confidence": 0.95},
        status="ok",
        time="2026-11-21T09:30:00+00:00",
    )
    certificate.write(folder / "certificate.json")
    write_text(
        folder / "architecture.json", json.dumps(_architecture(json.loads(row["params"] or "{}"))) + "\n"
    )


def _architecture(params: dict[str, Any]) -> dict[str, Any]:
    stages = [
        {
            "block": params.get(f"s{number}.block", "basic"),
            "depth": params.get(f"s{number}.depth", 1),
            "width": params.get(f"s{number}.width", 16),
            "stride": 1 if number == 0 else 2,
            "options": {"expand": params[f"s{number}.inverted.expand"]}
            if f"s{number}.inverted.expand" in params
            else {},
        }
        for number in range(3)
    ]
    return {
        "in_channels": 1,
        "num_classes": 10,
        "resolution": [8, 8],
        "stem": {"name": "conv3", "width": 8, "options": {}},
        "stages": stages,
        "head": {"name": params.get("head", "dense"), "options": {}},
        "layers": {},
    }
