"""The run folder of a training: one network by name, in the form that pruning, profiling and reports read."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import torch

from millinet.certificate import Certificate
from millinet.data import DataSet
from millinet.device import describe
from millinet.errors import MillinetError
from millinet.frames import HISTORY, LATENCY
from millinet.latency import Budget, LatencyMeter, LatencySettings
from millinet.models import LoadedModel, save_model
from millinet.provenance import command_line, commit, utc_now, versions
from millinet.runs import RunFolder, RunRecord, Winner
from millinet.training import EpochRecord, FitResult, Recipe
from millinet.winners import Origin, certify_winner

NAME: Final = "winner:1"
"""What the frames of the folder call the network."""
CHECKPOINT: Final = "checkpoint.pt"
EPOCHS: Final = "epochs.jsonl"
LEFT_BEHIND: Final = (CHECKPOINT, EPOCHS, f"{HISTORY.name}.csv")
"""What a training that failed leaves, and another one with other settings must not find."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Training:
    """What is trained, on what, and how."""

    loaded: LoadedModel
    """The network, with its initial weights."""
    data: DataSet
    recipe: Recipe
    recipe_name: str
    """The recipe as the user named it."""
    teacher: str | None
    """The model that is learnt from as well, as the user named it; None learns from labels alone."""
    weights: Path | None
    """File of the weights it begins with; None begins with random ones."""
    seed: int
    """Decides validation split, weights and training."""
    device: torch.device
    """Where it is trained and measured; another one may continue it."""


def open_training(folder: Path, training: Training) -> RunFolder:
    """Make the run folder of a training, or find the one it continues.

    Raises:
        ConfigChangedError: If the folder holds another training; the message lists what differs.
        RunFolderError: If the place is taken by something else.
    """
    data, recipe = training.data, training.recipe
    config = {
        "model": training.loaded.name,
        "data": data.spec,
        "data_fingerprint": data.fingerprint,
        "seed": training.seed,
        "teacher": training.teacher,
        "recipe": training.recipe_name,
        **recipe.as_dict(),
    }
    if training.weights is not None:
        config["weights"] = hashlib.sha256(training.weights.read_bytes()).hexdigest()[:16]
    record = RunRecord(
        name=folder.resolve().name,
        created=utc_now(),
        command=command_line(),
        config=config,
        seed=training.seed,
        recipes={"final": recipe.as_dict()},
        versions=versions(),
        commit=commit(),
        device=describe(training.device).as_dict(),
        data=data.as_dict(),
    )
    run = RunFolder.resume_or_create(folder, record, after=["failed"], left=LEFT_BEHIND)
    if not run.winners():
        run.save(status="running")
    return run


@contextmanager
def ending(run: RunFolder | None) -> Iterator[None]:
    """Record how the training inside the block ends, where it does not end well; None records nothing."""
    try:
        yield
    except KeyboardInterrupt:
        if run is not None:
            run.save(status="interrupted")
        raise
    except MillinetError as error:
        if run is not None:
            run.note(str(error))
            run.save(status="failed")
        raise


def note_epoch(run: RunFolder, record: EpochRecord) -> None:
    """Add an epoch to the run's history, so that a report can follow the training."""
    run.append(HISTORY, [record._asdict() | {"model": NAME, "phase": "final"}])


def close_training(run: RunFolder, training: Training, result: FitResult) -> None:
    """Keep the trained network as the run's first winner; one that is there already stays as it is."""
    if not run.winners():
        save_model(run.winner_path(1), training.loaded.model, source=training.loaded.source)
        # Anew: a training that diverged and was begun again has told some epochs twice.
        rows = [record._asdict() | {"model": NAME, "phase": "final"} for record in result.history]
        run.write(HISTORY, HISTORY.frame(rows))
        run.save(phases={"finishing": round(result.seconds, 3)})
    run.save(status="complete")
    run.seal()


def certify_training(run: RunFolder, training: Training, budget: Budget, result: FitResult) -> Certificate:
    """Read the test split, measure the latency in fresh processes, and judge it by a budget.

    A certificate that is there for the same budget stands.

    Raises:
        MeasurementError: If no latency could be taken.
    """
    winner = Winner(run.winner_path(1))
    if winner.certificate is not None and winner.certificate.budget == str(budget):
        return winner.certificate
    settings, device = LatencySettings().under(budget), str(training.device)
    with LatencyMeter(device, settings) as meter:
        example = torch.zeros(1, *training.data.input_shape)
        resolved = budget.resolve(example, meter=meter, model=training.loaded.model)
    certificate, measured = certify_winner(
        winner.path,
        data=training.data,
        budget=resolved,
        settings=settings,
        device=device,
        origin=Origin(validation_accuracy=result.best_accuracy, architecture=training.loaded.name),
    )
    costs = {"parameters": certificate.parameters, "macs": certificate.macs}
    run.append(LATENCY, [measured.row(model=NAME) | costs])
    limit = {"text": str(resolved), "limit_ms": resolved.limit_ms, "batch": settings.batch or 1}
    run.save(budget=limit)
    run.seal()
    return certificate
