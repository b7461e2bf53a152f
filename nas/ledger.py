"""Between the study and the frames: each trial carries its row, and the frame is read from the study."""

import json
from collections.abc import Mapping
from typing import Any

import optuna
import pandas as pd
from optuna.exceptions import UpdateFinishedTrialError
from optuna.trial import FrozenTrial, TrialState

from millinet.errors import RunFolderError
from millinet.frames import TRIALS
from millinet.latency import LatencyMeasurement
from millinet.runs import RunFolder
from millinet.visible import visible
from nas.candidate import COMPLETE, PRUNED, Outcome, describe
from nas.fidelity import Peer
from nas.objectives import values_of
from nas.patient_storage import PatientStorage
from nas.records import CONSTRAINT, CURVE, DOUBT, EPOCHS, MEASURED, ROW, WORKER
from nas.storage import close_study, finished, objectives_of, storage_of
from search_spaces import Architecture


def check_whole(run: RunFolder, study: optuna.Study) -> None:
    """Refuse to begin a search anew over the trials of one whose study is gone.

    Raises:
        RunFolderError: If the folder's frame has trials and the study has none.
    """
    known = len(run.frame(TRIALS))
    if known and not finished(study):
        # An open database keeps files beside it that would spoil the one that is brought back.
        close_study(study)
        raise RunFolderError(
            f"{run.path / 'trials.csv'} has {known} trials and the study has none; bring the study.db or the "
            f"--storage of this run back, or choose another --out"
        )


def row_of(
    number: int,
    architecture: Architecture,
    outcome: Outcome,
    *,
    budget_ms: float,
    started: str,
    params: dict[str, Any],
) -> dict[str, Any]:
    """Return the row of the trials frame for a candidate and what became of it."""
    return {
        "trial": number,
        "state": outcome.state,
        **describe(architecture),
        **latency_columns(outcome.latency),
        "budget_ms": budget_ms,
        "verdict": outcome.verdict,
        "accuracy": outcome.accuracy,
        "epochs": len(outcome.history),
        "measure_seconds": round(outcome.measure_seconds, 3),
        "train_seconds": round(outcome.train_seconds, 3),
        "started": started,
        "cause": outcome.cause,
        "health": json.dumps(dict(outcome.health)) if outcome.health else None,
        "params": json.dumps(params, sort_keys=True),
    }


def latency_columns(latency: LatencyMeasurement | None) -> dict[str, float | None]:
    """Return the latency columns of a frame."""
    if latency is None:
        return {}
    return {
        "latency_ms": latency.median_ms,
        "latency_low_ms": latency.low_ms,
        "latency_high_ms": latency.high_ms,
        "latency_p95_ms": latency.p95_ms,
        "energy_mj": latency.energy_mj,
    }


def tell(
    study: optuna.Study,
    trial: optuna.Trial,
    outcome: Outcome,
    *,
    row: dict[str, Any],
    limit_ms: float,
    chance: float,
) -> bool:
    """Tell the study what became of a trial, in one transaction with all that belongs to it.

    A candidate over the budget is told as complete, with the accuracy of guessing and a violated constraint:
    so every sampler of Optuna learns from it (NSGA-II and the Gaussian process look at nothing else), and
    none can take it for the best.

    Args:
        study: The study.
        trial: The trial asked for.
        outcome: What became of it.
        row: Its row of the trials frame, kept with it.
        limit_ms: The budget.
        chance: Accuracy of guessing, a fraction.

    Returns:
        Whether the study took it; False where the trial was given to another worker in the meantime.
    """
    storage = storage_of(study)
    storage.shared.stage(trial._trial_id, attributes_of(outcome, row))
    try:
        if outcome.latency is not None:
            trial.set_constraint(CONSTRAINT, _violation(outcome, limit_ms))
        _tell(study, trial, outcome, row=row, chance=chance)
    except UpdateFinishedTrialError:
        # Given up by another worker, or told by a try whose answer was lost: its row says which.
        storage.shared.unstage(trial._trial_id)
    return _is_own(storage, trial)


def attributes_of(outcome: Outcome, row: dict[str, Any]) -> dict[str, Any]:
    """Return all that a trial keeps beside its values, so that any process can write the frames."""
    attributes: dict[str, Any] = {ROW: row}
    name = f"trial:{row['trial']}"
    if outcome.latency is not None:
        measured = outcome.latency.row(model=name, fingerprint=str(row["fingerprint"]))
        attributes[MEASURED] = measured | {"parameters": row["parameters"], "macs": row["macs"]}
        if outcome.latency.doubt:
            attributes[DOUBT] = outcome.latency.doubt
    if outcome.history:
        attributes[CURVE] = [record.accuracy for record in outcome.history]
        attributes[EPOCHS] = [
            record._asdict() | {"model": name, "phase": "search"} for record in outcome.history
        ]
    return attributes


def _tell(
    study: optuna.Study, trial: optuna.Trial, outcome: Outcome, *, row: dict[str, Any], chance: float
) -> None:
    if outcome.latency is None or (outcome.verdict == "meets" and outcome.accuracy is None):
        study.tell(trial, state=TrialState.FAIL, skip_if_finished=True)
        return
    accuracy = chance if outcome.accuracy is None else outcome.accuracy
    objectives = objectives_of(study)
    if len(objectives) > 1:
        # The energy of what one visit ruled out was not counted; behind a violated constraint any will do.
        unknown = {} if outcome.verdict == "meets" or row.get("energy_mj") is not None else {"energy_mj": 0.0}
        values = values_of(row | {"accuracy": accuracy} | unknown, objectives)
        state = TrialState.FAIL if values is None else None
        study.tell(trial, values, state=state, skip_if_finished=True)
    elif outcome.state == PRUNED:
        trial.report(accuracy, step=len(outcome.history))
        study.tell(trial, state=TrialState.PRUNED, skip_if_finished=True)
    else:
        study.tell(trial, accuracy, skip_if_finished=True)


def _is_own(storage: PatientStorage, trial: optuna.Trial) -> bool:
    attributes = storage.get_trial(trial._trial_id).user_attrs
    return ROW in attributes and attributes.get(WORKER) == storage.shared.worker.as_dict()


def trials_frame(study: optuna.Study) -> pd.DataFrame:
    """Build the trials frame, one row a finished trial."""
    return TRIALS.frame(row_as_text(trial.user_attrs[ROW]) for trial in finished(study))


def row_as_text(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return a row of a study with text that may be shown, whoever else may write to the database."""
    return {name: visible(value) if isinstance(value, str) else value for name, value in row.items()}


def peers_of(study: optuna.Study) -> list[Peer]:
    """Collect what later candidates are compared with, from a study that is resumed."""
    rows = [(trial.user_attrs[ROW], trial.user_attrs.get(CURVE)) for trial in finished(study)]
    return [
        Peer(row["latency_ms"], tuple(curve), is_complete=row["state"] == COMPLETE)
        for row, curve in rows
        if curve and row["state"] in (COMPLETE, PRUNED)
    ]


def ranked(study: optuna.Study) -> list[FrozenTrial]:
    """List the trials that met the budget and ended their training, most accurate first, then fastest."""
    trained = [trial for trial in finished(study) if trial.user_attrs[ROW]["state"] == COMPLETE]
    return sorted(
        trained, key=lambda trial: (-trial.user_attrs[ROW]["accuracy"], trial.user_attrs[ROW]["latency_ms"])
    )


def _violation(outcome: Outcome, limit_ms: float) -> float:
    """Return how far the candidate is over the budget, as a fraction; at most 0 where it meets it."""
    latency = outcome.latency
    if latency is None or outcome.verdict == "meets":
        return 0.0
    # An undecided candidate counts as not meeting the budget even where its estimate is inside it.
    return max(latency.high_ms / limit_ms - 1.0, 1e-6)
