"""The ledger of a search: one Optuna study in one SQLite file."""

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Final

import optuna
from optuna.trial import FrozenTrial, TrialState

from millinet.errors import ConfigChangedError, RunFolderError
from nas.objectives import directions
from nas.records import OBJECTIVES, ROW, SPACE

STUDY_NAME: Final = "search"


def open_study(path: Path, *, objectives: Sequence[str], space_fingerprint: str) -> optuna.Study:
    """Open the study at `path`, or make it.

    The file holds plain Optuna tables in write-ahead mode, so optuna-dashboard opens it while a search runs.

    Raises:
        RunFolderError: If the file is no study.
        ConfigChangedError: If the study was made with another space or for other objectives.
    """
    # Optuna announces every trial on stderr; the live table says the same and more.
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    try:
        with closing(sqlite3.connect(path)) as connection:
            connection.execute("PRAGMA journal_mode=WAL")
        storage = optuna.storages.RDBStorage(
            f"sqlite:///{path.resolve()}", engine_kwargs={"connect_args": {"timeout": 60}}
        )
    except (sqlite3.DatabaseError, RuntimeError) as error:
        raise RunFolderError(f"{path} is no study: {error}; move it away to start anew") from error
    study = optuna.create_study(
        study_name=STUDY_NAME,
        storage=storage,
        directions=directions(objectives),
        load_if_exists=True,
    )
    asked = ",".join(objectives)
    if (searched := study.user_attrs.get(OBJECTIVES, asked)) != asked:
        raise ConfigChangedError(
            f"{path} was searched for {searched}, now it is {asked}; "
            f"repeat the old objectives, or choose another --out"
        )
    known = study.user_attrs.get(SPACE)
    if known is None:
        study.set_user_attr(SPACE, space_fingerprint)
        study.set_user_attr(OBJECTIVES, asked)
    elif known != space_fingerprint:
        raise ConfigChangedError(
            f"{path} was searched in space {known}, now it is {space_fingerprint}; "
            f"restore the space's file, or choose another --out"
        )
    return study


def objectives_of(study: optuna.Study) -> list[str]:
    """List what a study optimises, as `nas.OBJECTIVES` names it."""
    return str(study.user_attrs.get(OBJECTIVES, "accuracy")).split(",")


def finished(study: optuna.Study) -> list[FrozenTrial]:
    """List the trials that count towards the total: told, and not merely interrupted."""
    return [
        trial
        for trial in study.get_trials(deepcopy=False)
        if trial.state.is_finished() and ROW in trial.user_attrs
    ]


def abandon_stale(study: optuna.Study) -> int:
    """Close the trials a killed search left open; return how many there were."""
    stale = study.get_trials(deepcopy=False, states=(TrialState.RUNNING,))
    for trial in stale:
        study.tell(trial.number, state=TrialState.FAIL)
    return len(stale)
