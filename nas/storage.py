"""The ledger of a search: one Optuna study, in one SQLite file or in a database that many machines share."""

from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Final

import optuna
from optuna.trial import FrozenTrial

from millinet.errors import ConfigChangedError
from nas.address import connect
from nas.objectives import directions
from nas.patience import Patience
from nas.patient_storage import PatientStorage
from nas.reaper import give_to_another
from nas.records import OBJECTIVES, ROW, SPACE

STUDY_NAME: Final = "search"


def open_study(
    place: Path | str,
    *,
    objectives: Sequence[str],
    space_fingerprint: str,
    name: str = STUDY_NAME,
    patience: Patience | None = None,
) -> optuna.Study:
    """Open a study, or make it.

    It is kept in plain Optuna tables, so optuna-dashboard shows it while a search runs.

    Args:
        place: A file for SQLite, or the address of a storage that many machines share.
        objectives: What the study optimises.
        space_fingerprint: The space it searches.
        name: Name of the study in its storage.
        patience: How long the storage may be away.

    Raises:
        RunFolderError: If the file is no study.
        StorageError: If the storage cannot be reached.
        ConfigChangedError: If the study was made with another space, for other objectives, or by another
            program.
    """
    # Optuna announces every trial and every lost connection on stderr; what matters of it is said here.
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    storage = connect(place, patience=patience or Patience())
    with ExitStack() as unless_opened:
        unless_opened.callback(storage.close)
        study = optuna.create_study(
            study_name=name, storage=storage, directions=directions(objectives), load_if_exists=True
        )
        _claim(study, storage.address, ",".join(objectives), space_fingerprint)
        unless_opened.pop_all()
    return study


def _claim(study: optuna.Study, place: str, asked: str, space_fingerprint: str) -> None:
    """Write down what a new study is for, or check that an old one is for the same."""
    if (searched := study.user_attrs.get(OBJECTIVES, asked)) != asked:
        raise ConfigChangedError(
            f"{place} was searched for {searched}, now it is {asked}; "
            f"repeat the old objectives, or choose another --out"
        )
    known = study.user_attrs.get(SPACE)
    if known is None and study.get_trials(deepcopy=False):
        raise ConfigChangedError(
            f"{place} has a study {study.study_name!r} that another program made; choose another --study"
        )
    if known is None:
        study.set_user_attr(SPACE, space_fingerprint)
        study.set_user_attr(OBJECTIVES, asked)
    elif known != space_fingerprint:
        raise ConfigChangedError(
            f"{place} was searched in space {known}, now it is {space_fingerprint}; "
            f"restore the space's file, or choose another --out"
        )


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


def abandon_stale(study: optuna.Study, *, max_retries: int) -> int:
    """Close the trials a killed search left open, and enqueue their candidates; return how many there were.

    For a study that no other process works on; where others may, `Reaper` tells the dead from the living.

    Args:
        study: The study; one kept in memory has nothing of an earlier process.
        max_retries: Times a candidate is tried again; one that kills every process ends there.
    """
    storage = study._storage  # Optuna 5.0 has no public way from a study to its storage
    if not isinstance(storage, PatientStorage):
        return 0
    stale = storage.open_trials(storage.get_study_id_from_name(study.study_name))
    closed = [give_to_another(storage, one, cause="interrupted", max_retries=max_retries) for one in stale]
    return sum(closed)


def storage_of(study: optuna.Study) -> PatientStorage:
    """Return the storage of a study that `open_study` opened."""
    storage = study._storage
    if not isinstance(storage, PatientStorage):
        raise AssertionError("a study of a search is opened by open_study")
    return storage


def close_study(study: optuna.Study) -> None:
    """Close the connections of a study; it opens new ones where it is used again."""
    storage_of(study).close()
