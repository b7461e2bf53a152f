"""A whole search beside what a user does without it, in equal minutes, and beside the literature's networks.

    OMP_NUM_THREADS=1 python -m benchmarks.search_job [--minutes 2] [--seeds 0 1 2] [--data digits]
    python -m benchmarks.search_job --device cuda --data folder:cifar10

For each seed three searches of the same space take the same wall time: `millinet search` as it is, the same
with a random sampler behind the gate, and Optuna's TPE as its users have it: candidates are trained whatever
they take, with the median pruner, and the part over the budget is subtracted from the accuracy. All measure
with the same meter, train trials and winners by the same recipes, and take the more accurate, on the
validation images, of the two most promising networks inside the budget. The three are then measured in turn.

The networks of the literature are brought to the budget by a common factor on depth and widths, the largest
whose median is within the limit, and trained by the recipe of the winners from the same seeds. Each part
that is done is kept in --state, so a run that was stopped goes on. On one core about half an hour; it wants a
machine at rest.
"""

import argparse
import json
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from statistics import fmean
from time import monotonic
from typing import Any, Final, NamedTuple

import optuna
import torch
from torch import Tensor, nn

from benchmarks.pruning_others import in_turn
from benchmarks.record import record
from millinet.data import DataSet, load_data
from millinet.errors import ConfigError, InfeasibleBudgetError, MillinetError
from millinet.frames import TRIALS
from millinet.latency import Budget, LatencyMeter
from millinet.models import load_model
from millinet.runs import RunFolder
from millinet.statistics import mean_interval
from millinet.training import EpochRecord, Recipe, evaluate, fit, recipe_of
from nas import Conditions, SearchConfig, search
from search_spaces import Architecture, SearchSpace, load_space, network

LITERATURE: Final = ("resnet18", "resnet20", "resnet56", "mobilenet_v2", "resnext50_32x4d", "dpn92_small")
SCALED_OPTIONS: Final = ("middle", "dense", "groups")
"""Options of a block that count channels or groups of them."""
NUM_FINALISTS: Final = 2
MANY: Final = 1000
"""More trials than any search has time for."""
UNASKED: Final = ("seeds", "literature", "state", "name")
"""Options that do not decide what a part finds."""


class Task(NamedTuple):
    """What all ways work on."""

    data: DataSet
    space: SearchSpace
    budget: str
    limit: Budget
    """The budget, resolved."""
    meter: LatencyMeter
    minutes: float
    device: str
    trial_recipe: Recipe
    final_recipe: Recipe

    @property
    def example(self) -> Tensor:
        """One image of zeros."""
        return torch.zeros(1, *self.data.input_shape)

    @property
    def limit_ms(self) -> float:
        """The budget in milliseconds."""
        return float(self.limit.limit_ms or 0.0)


class Found(NamedTuple):
    """What one search came to."""

    model: nn.Module | None
    """None where nothing was found inside the budget."""
    figures: dict[str, Any]


def searched(task: Task, *, sampler: str, seed: int) -> Found:
    """Search with millinet and take its first winner."""
    with tempfile.TemporaryDirectory() as folder:
        try:
            found = search(
                task.space,
                task.data,
                task.limit,
                out=Path(folder) / "run",
                config=SearchConfig(num_trials=MANY, sampler=sampler, seed=seed, device=task.device),
                conditions=Conditions(max_seconds=60.0 * task.minutes),
            )
        except InfeasibleBudgetError:
            trials = RunFolder.open(Path(folder) / "run").frame(TRIALS)
            return Found(None, {"num_measured": len(trials), "num_trained": 0})
        states = found.trials["state"].value_counts().to_dict()
        certificate = found.winners[0].certificate
        num_trained = sum(states.get(state, 0) for state in ("complete", "pruned early"))
        return Found(
            load_model(found.run.path).model,
            {
                "num_measured": len(found.trials),
                "num_trained": num_trained,
                "validation_accuracy": certificate and certificate.validation_accuracy,
                "verdict": certificate and certificate.verdict,
            },
        )


def penalised(task: Task, *, seed: int) -> Found:
    """Search with Optuna's TPE, which sees the accuracy less what a network takes over the budget."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(
        direction="maximize",
        sampler=optuna.samplers.TPESampler(seed=seed),
        pruner=optuna.pruners.MedianPruner(),
    )
    ends = monotonic() + 60.0 * task.minutes
    inside: list[tuple[float, Architecture]] = []
    while monotonic() < ends:
        trial = study.ask()
        architecture = task.space.suggest(trial)
        try:
            measured = task.meter.measure(architecture.build(), task.example, budget=task.limit)
            penalty = max(0.0, measured.median_ms / task.limit_ms - 1.0)
            accuracy = trained_while_promising(
                architecture, trial, task, penalty=penalty, seed=seed, ends=ends
            )
        except MillinetError:
            study.tell(trial, state=optuna.trial.TrialState.FAIL)
            continue
        if trial.should_prune():
            study.tell(trial, state=optuna.trial.TrialState.PRUNED)
        else:
            study.tell(trial, accuracy - penalty)
        if measured.median_ms <= task.limit_ms:
            inside.append((accuracy, architecture))
    best = sorted(inside, key=lambda pair: pair[0], reverse=True)[:NUM_FINALISTS]
    figures = {"num_measured": len(study.trials), "num_trained": len(study.trials)}
    if not best:
        return Found(None, figures)
    finals = [trained(architecture, task, seed=seed) for _, architecture in best]
    model, accuracy = max(finals, key=lambda pair: pair[1])
    return Found(model, figures | {"validation_accuracy": accuracy})


def trained_while_promising(
    architecture: Architecture, trial: optuna.Trial, task: Task, *, penalty: float, seed: int, ends: float
) -> float:
    """Train by the recipe of a trial until the median pruner or the time stops it; return the best accuracy.

    Without that the last candidate, which may be far over the budget, would go on for minutes.
    """

    def on_epoch(epoch: EpochRecord) -> bool:
        trial.report(epoch.accuracy - penalty, epoch.epoch)
        return trial.should_prune() or monotonic() > ends

    torch.manual_seed(seed)
    fitted = fit(
        architecture.build(), task.data, task.trial_recipe, device=task.device, seed=seed, on_epoch=on_epoch
    )
    return fitted.best_accuracy


def trained(architecture: Architecture, task: Task, *, seed: int) -> tuple[nn.Module, float]:
    """Train by the recipe of a winner; return the model and its accuracy on the validation images."""
    torch.manual_seed(seed)
    model = architecture.build()
    return model, fit(model, task.data, task.final_recipe, device=task.device, seed=seed).best_accuracy


def compared(task: Task, seed: int) -> list[dict[str, Any]]:
    """Search in every way with one seed; measure what was found in turn, and judge it on the test images."""
    found: Mapping[str, Found] = {
        "millinet": searched(task, sampler="gated", seed=seed),
        "random behind the gate": searched(task, sampler="random", seed=seed),
        "TPE with a penalty": penalised(task, seed=seed),
    }
    models = {way: one.model for way, one in found.items() if one.model is not None}
    latency = in_turn(task.meter, models, task.example)
    rows = []
    for way, one in found.items():
        row: dict[str, Any] = {"way": way, "seed": seed, **one.figures}
        if one.model is not None:
            row |= {
                "median_ms": latency[way].median_ms,
                "low_ms": latency[way].low_ms,
                "high_ms": latency[way].high_ms,
                "status": latency[way].status,
                "test_accuracy": evaluate(
                    one.model, task.data.test, data=task.data, device=task.device
                ).accuracy,
            }
        rows.append(row)
        print(row, flush=True)
    return rows


def scaled(architecture: Architecture, share: float) -> Architecture:
    """Multiply depth and every width by a share; widths stay multiples of 8."""

    def eighths(value: int) -> int:
        return max(8, round(value * share / 8) * 8)

    stages = []
    for stage in architecture.stages:
        options = dict(stage.options)
        for name in set(options) & set(SCALED_OPTIONS):
            value = int(options[name])
            options[name] = max(1, round(value * share)) if name == "groups" else eighths(value)
        depth = max(1, round(stage.depth * share))
        stages.append(replace(stage, depth=depth, width=eighths(stage.width), options=options))
    stem = replace(architecture.stem, width=eighths(architecture.stem.width))
    return replace(architecture, stem=stem, stages=tuple(stages))


def shares() -> Iterator[float]:
    """Yield factors from large to small, a tenth apart."""
    share = 1.5
    while share > 0.05:
        yield share
        share *= 0.9


def at_budget(name: str, task: Task) -> tuple[Architecture | None, float, float]:
    """Return the largest form of a network whose median is within the budget, its share and its latency.

    Without one, None with the share and the latency of the smallest.
    """
    channels, height, width = task.data.input_shape
    whole = network(name, num_classes=task.data.num_classes, in_channels=channels, resolution=(height, width))
    last, median_ms = None, float("inf")
    for share in shares():
        try:
            form = scaled(whole, share)
        except ConfigError:
            continue
        if form == last:
            continue
        last = form
        median_ms = task.meter.measure(form.build(), task.example, budget=task.limit).median_ms
        if median_ms <= task.limit_ms:
            return form, share, median_ms
    return None, share, median_ms


def literature(name: str, task: Task, seeds: list[int]) -> list[dict[str, Any]]:
    """Train a network of the literature, brought to the budget, from every seed."""
    form, share, median_ms = at_budget(name, task)
    if form is None:
        return [{"way": name, "share": share, "median_ms": median_ms}]
    rows = []
    for seed in seeds:
        model, accuracy = trained(form, task, seed=seed)
        row = {
            "way": name,
            "seed": seed,
            "share": share,
            "median_ms": median_ms,
            "validation_accuracy": accuracy,
            "test_accuracy": evaluate(model, task.data.test, data=task.data, device=task.device).accuracy,
            "architecture": str(form),
        }
        rows.append(row)
        print(row, flush=True)
    return rows


def main() -> None:
    """Search with every seed, train the literature, and bound the mean accuracies."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", default="digits")
    parser.add_argument("--space", default="convnet")
    parser.add_argument("--budget", default="2x:resnet20")
    parser.add_argument("--minutes", type=float, default=2.0)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--literature", nargs="*", default=list(LITERATURE), help="names in NETWORKS")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--state", type=Path, default=Path("runs/search_job.jsonl"), help="what is done")
    parser.add_argument("--name", default="search_job")
    options = parser.parse_args()
    torch.set_num_threads(1)
    data = load_data(options.data, seed=0)
    channels, height, width = data.input_shape
    with LatencyMeter(options.device) as meter:
        task = Task(
            data=data,
            space=load_space(
                options.space, in_channels=channels, num_classes=data.num_classes, resolution=(height, width)
            ),
            budget=options.budget,
            limit=Budget.parse(options.budget).resolve(torch.zeros(1, *data.input_shape), meter=meter),
            meter=meter,
            minutes=options.minutes,
            device=options.device,
            trial_recipe=recipe_of(SearchConfig().recipe),
            final_recipe=recipe_of(SearchConfig().final_recipe),
        )
        parts = {f"seed {seed}": partial(compared, task, seed) for seed in options.seeds}
        parts |= {
            f"{name}, seeds {options.seeds}": partial(literature, name, task, options.seeds)
            for name in options.literature
        }
        rows = kept(parts, options)
    record(options.name, rows, device=options.device, seeds=options.seeds, summary=summary(rows, task))


def kept(
    parts: Mapping[str, Callable[[], list[dict[str, Any]]]], options: argparse.Namespace
) -> list[dict[str, Any]]:
    """Do the parts that no earlier run with these options did, and keep each in --state as it ends."""
    asked = {name: value for name, value in vars(options).items() if name not in UNASKED}
    options.state.parent.mkdir(parents=True, exist_ok=True)
    text = options.state.read_text(encoding="utf-8") if options.state.exists() else ""
    lines = [json.loads(line) for line in text.splitlines()]
    done = {line["part"]: line["rows"] for line in lines if line["asked"] == asked}
    for part, work in parts.items():
        if part not in done:
            done[part] = work()
            with options.state.open("a", encoding="utf-8") as state:
                state.write(json.dumps({"part": part, "asked": asked, "rows": done[part]}) + "\n")
    return [row for part in parts for row in done[part]]


def summary(rows: list[dict[str, Any]], task: Task) -> dict[str, Any]:
    """Give every way's mean test accuracy with its interval, and its latency over the budget."""
    found: dict[str, Any] = {"budget": task.budget, "limit_ms": task.limit_ms, "minutes": task.minutes}
    for way in dict.fromkeys(row["way"] for row in rows):
        own = [row for row in rows if row["way"] == way and "test_accuracy" in row]
        if own:
            accuracies = [row["test_accuracy"] for row in own]
            interval = mean_interval(accuracies) if len(own) > 1 else accuracies
            over = fmean(row["median_ms"] for row in own) / task.limit_ms - 1.0
            found[way] = {"test_accuracy": list(interval), "latency_over_budget": over}
    return found


if __name__ == "__main__":
    main()
