"""Prune one finished network, judge it against the unpruned one, certify it, and put it in its place."""

import copy
import hashlib
import json
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, NamedTuple

import pandas as pd
import torch
from torch import nn

from compress.config import PruneConfig
from compress.criteria import Batch
from compress.prune import Pruned, prune
from compress.recovery import recover
from compress.sparsity import sparsify
from compress.telling import budget_told, groups_told, latencies_told
from millinet.certificate import Certificate
from millinet.data import DataSet
from millinet.errors import InfeasibleBudgetError, RunFolderError
from millinet.files import write_text
from millinet.frames import LAYERS
from millinet.latency import Budget, LatencyMeasurement, LatencyMeter, layer_profile
from millinet.models import LoadedModel, save_model
from millinet.training import FitResult, Recipe, evaluate
from millinet.weights import load_weights, save_weights
from millinet.winners import Origin, certify_winner

STORY: Final = "pruning.json"
NUM_SAMPLES: Final = 256
"""Training images that criteria look at."""


@dataclass(frozen=True, kw_only=True)
class Job:
    """What all prunings of one command share."""

    data: DataSet
    device: str
    meter: LatencyMeter
    config: PruneConfig
    """Settings of the pruning; its budget is replaced by each one tried."""
    recipe: Recipe
    seed: int
    tolerance: float
    """Validation accuracy that may be lost before a milder budget is tried, a fraction."""
    tell: Callable[[str], None]
    """Takes a line for a person."""
    sparsity: float = 0.0
    """Strength of a sparse training before the pruning; 0 is none."""


class Outcome(NamedTuple):
    """A pruned and recovered network, not yet in its place."""

    pruned: Pruned
    history: list[FitResult]
    """Of each recovery."""
    accuracy: float
    """On the validation split."""


class Placed(NamedTuple):
    """What became of a winner."""

    outcome: Outcome
    certificate: Certificate
    measured: LatencyMeasurement


def shrink_to_first(
    model: nn.Module, job: Job, budgets: Sequence[Budget], *, progress: Path
) -> tuple[Outcome | None, str]:
    """Prune and recover to the first budget at which the accuracy holds.

    Args:
        model: The unpruned network; left as it is.
        job: What all prunings share.
        budgets: Latency budgets to try, the most ambitious first.
        progress: Folder that an interrupted pruning goes on from.

    Returns:
        What to keep, or None, and what happened, for a person.

    Raises:
        InfeasibleBudgetError: If there is one budget only and pruning cannot reach it.
    """
    full = accuracy_of(model, job)
    told = []
    for budget in budgets:
        try:
            outcome = _shrink(model, job, budget, progress / _key(job, budget))
        except InfeasibleBudgetError as error:
            if len(budgets) == 1:
                raise
            told.append(f"{budget_told(budget)}: {error}")
            continue
        accuracies = f"validation accuracy {full:.4f} -> {outcome.accuracy:.4f}"
        line = f"{budget_told(budget)}: {latencies_told(outcome.pruned)}, {accuracies}"
        told.append(line)
        job.tell(f"{budget_told(budget)}: {groups_told(outcome.pruned)}")
        job.tell(line)
        # Whoever names one budget gets it; a winner is only replaced by what is better for certain.
        is_better = outcome.pruned.is_faster or len(budgets) == 1
        if is_better and outcome.accuracy >= full - job.tolerance:
            return outcome, "; ".join(told)
    return None, "; ".join(told)


def place(
    folder: Path,
    loaded: LoadedModel,
    outcome: Outcome,
    job: Job,
    budget: Budget,
    story: dict[str, Any],
) -> Placed:
    """Put a pruned network where the unpruned one was, which moves to `before`.

    All files are written beside the folder first; the exchange is two renames.

    Args:
        folder: The winner's folder.
        loaded: The unpruned network.
        outcome: The pruned one.
        job: What all prunings share.
        budget: What the certificate judges by, in milliseconds.
        story: What was asked and what came of it, for pruning.json.
    """
    fresh = folder.with_name(f".{folder.name}.pruned")
    shutil.rmtree(fresh, ignore_errors=True)
    save_model(fresh, outcome.pruned.model, source=loaded.source, widths=outcome.pruned.widths)
    LAYERS.write(_with_shares(loaded.model, outcome.pruned, job), fresh / "layers.csv")
    write_story(fresh, story | _figures(outcome))
    certificate, measured = certify_winner(
        fresh,
        data=job.data,
        budget=budget,
        settings=job.meter.settings,
        device=job.device,
        origin=_origin(folder, outcome.accuracy),
        base=unpruned(folder),
    )
    shutil.copytree(unpruned(folder), fresh / "before", ignore=shutil.ignore_patterns("before"))
    _exchange(fresh, folder)
    shutil.rmtree(progress_of(folder), ignore_errors=True)
    return Placed(outcome, certificate, measured)


def _with_shares(before: nn.Module, pruned: Pruned, job: Job) -> pd.DataFrame:
    """Return the layers with each one's share of the latency, before and after."""
    example = torch.zeros(job.meter.settings.batch or 1, *job.data.input_shape)
    frame = pruned.layers.copy()
    for column, model in (("share_before", before), ("share_after", pruned.model)):
        timed = layer_profile(model, example, device=job.device, settings=job.meter.settings)
        frame[column] = (
            frame["layer"].map({layer.name: layer.share for layer in timed.layers}).astype("float64")
        )
    return frame


def progress_of(folder: Path) -> Path:
    """Return where a winner's pruning keeps what it has reached until it is done."""
    return folder.with_name(f".{folder.name}.pruning")


def unpruned(folder: Path) -> Path:
    """Return where the unpruned network of a winner is: in `before` once it was pruned."""
    return folder / "before" if (folder / "before").is_dir() else folder


def restore(folder: Path) -> None:
    """Put the unpruned network of a winner back in its place, where it was pruned before."""
    if unpruned(folder) == folder:
        return
    fresh = folder.with_name(f".{folder.name}.pruned")
    shutil.rmtree(fresh, ignore_errors=True)
    shutil.copytree(unpruned(folder), fresh)
    _exchange(fresh, folder)


def read_story(folder: Path) -> dict[str, Any]:
    """Read what pruning.json says of a winner; empty where it was never pruned."""
    path = folder / STORY
    try:
        return json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    except (OSError, ValueError) as error:
        raise RunFolderError(f"{path} cannot be read: {error}; delete it to prune again") from error


def write_story(folder: Path, story: dict[str, Any]) -> None:
    """Write pruning.json: what was asked, what came of it, and what each group lost."""
    write_text(folder / STORY, json.dumps(story, indent=2) + "\n")


def repair(winners: Path) -> None:
    """Finish or undo an exchange that was interrupted between its renames."""
    for left in winners.glob(".*.replaced"):
        folder = winners / left.name.split(".")[1]
        if folder.exists():
            shutil.rmtree(left)
        else:
            left.replace(folder)


def accuracy_of(model: nn.Module, job: Job) -> float:
    """Return the accuracy on the validation split."""
    placed = model.to(job.device)
    try:
        return evaluate(placed, job.data.validation, data=job.data, device=job.device).accuracy
    finally:
        placed.to("cpu")


def samples(data: DataSet) -> list[Batch]:
    """Return normalised training images with labels, for criteria that look at data."""
    chosen = torch.randperm(len(data.train), generator=torch.Generator().manual_seed(0))[:NUM_SAMPLES]
    return [
        (data.normalise(data.train.pixels(batch)), data.train.labels[batch])
        for batch in torch.split(chosen, 64)
    ]


def _exchange(fresh: Path, folder: Path) -> None:
    replaced = folder.with_name(f".{folder.name}.replaced")
    folder.replace(replaced)
    fresh.replace(folder)
    shutil.rmtree(replaced)


def _shrink(model: nn.Module, job: Job, budget: Budget, progress: Path) -> Outcome:
    histories: list[FitResult] = []

    def train(smaller: nn.Module) -> None:
        job.tell(f"{budget_told(budget)}: recovering")
        checkpoint = progress / f"recovery-{len(histories) + 1}.pt"
        histories.append(
            recover(
                smaller,
                job.data,
                job.recipe,
                teacher=model,
                device=job.device,
                seed=job.seed,
                checkpoint=checkpoint,
            )
        )

    source = _sparse(model, job, progress.with_suffix(".safetensors")) if job.sparsity else model
    job.tell(f"{budget_told(budget)}: choosing widths")
    example = torch.zeros(1, *job.data.input_shape)
    pruned = prune(
        source,
        example,
        config=replace(job.config, budget=budget),
        recover=train,
        data=samples(job.data),
        meter=job.meter,
        progress=progress,
    )
    return Outcome(pruned, histories, accuracy_of(pruned.model, job))


def _sparse(model: nn.Module, job: Job, path: Path) -> nn.Module:
    """Return a copy of a network after a sparse training, or the one an interrupted pruning left."""
    sparse = copy.deepcopy(model)
    if path.exists():
        load_weights(sparse, path)
        return sparse
    job.tell("sparse training")
    sparsify(
        sparse,
        job.data,
        job.recipe,
        strength=job.sparsity,
        protect=job.config.protect,
        device=job.device,
        seed=job.seed,
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    save_weights(sparse, path)
    return sparse


def _key(job: Job, budget: Budget) -> str:
    """Name the folder of one attempt by what decides its recovery."""
    decides = [str(budget), budget.ratio, job.recipe.as_dict(), job.sparsity, job.seed, job.data.fingerprint]
    return hashlib.sha256(json.dumps(decides).encode()).hexdigest()[:12]


def _figures(outcome: Outcome) -> dict[str, Any]:
    pruned = outcome.pruned
    return {
        "pruned_to": str(pruned.budget),
        "validation_accuracy": outcome.accuracy,
        "before_ms": pruned.base.median_ms if pruned.base else None,
        "after_ms": pruned.measurement.median_ms if pruned.measurement else None,
        "is_faster": pruned.is_faster,
        "exactness": pruned.error,
        "atoms": {name: atoms._asdict() for name, atoms in pruned.atoms.items()},
        "groups": [
            {
                "group": group.index,
                "name": group.name,
                "before": group.num_channels,
                "after": pruned.kept.get(group.index, group.num_channels),
                "reason": group.reason,
            }
            for group in pruned.groups
        ],
    }


def _origin(folder: Path, accuracy: float) -> Origin:
    path = unpruned(folder) / "certificate.json"
    known = Certificate.read(path) if path.exists() else None
    if known is None:
        return Origin(validation_accuracy=accuracy)
    return Origin(
        validation_accuracy=accuracy,
        architecture=known.architecture,
        fingerprint=known.fingerprint,
        trial=known.trial,
    )
