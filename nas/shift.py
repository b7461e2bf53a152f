"""One worker's share of a search: take a trial, work on it, tell; until as many are finished as were asked.

Every worker of a study runs this loop, on whichever machine. What one of them leaves behind - killed, frozen,
cut off - another closes and takes up.
"""

import time
from collections.abc import Callable
from itertools import count
from typing import NamedTuple

import optuna
from optuna.trial import TrialState

from millinet.errors import MillinetError
from nas.conditions import Conditions
from nas.heartbeat import Heartbeat
from nas.patience import Patience
from nas.patient_storage import PatientStorage
from nas.reaper import Reaper
from nas.shared_storage import NoSlotError
from nas.storage import finished, storage_of
from search_spaces import Architecture, SearchSpace

_MAX_COLLISIONS = 20
"""Proposals that another worker has in hand already, after which one is worked on twice."""
_LONGEST_IDLE = 20
"""Most times `idle_seconds` between two looks: a thousand idle workers must not keep a database busy."""


class Taken(NamedTuple):
    """A trial in hand."""

    trial: optuna.Trial
    architecture: Architecture


def work_through(
    study: optuna.Study,
    space: SearchSpace,
    work: Callable[[Taken], object],
    *,
    num_trials: int,
    conditions: Conditions,
    between: Callable[[], object] = lambda: None,
) -> None:
    """Work on trials of a study until `num_trials` of them are finished, by all workers together.

    No more trials are ever in hand than are still to be finished, so the study ends with exactly that many,
    or with fewer where the conditions set an end in time.

    Args:
        study: The study, as `open_study` opened it.
        space: Where candidates come from.
        work: Judges a candidate and tells the study what became of it.
        num_trials: Finished trials of the study in all.
        conditions: Signs of life, grace, retries, and the seconds from now after which no trial begins.
        between: Called before each trial, and regularly while others have the last ones in hand.

    Raises:
        StorageError: If the storage was away for too long, or refuses; what was told is kept.
    """
    storage = storage_of(study)
    storage.shared.num_slots = num_trials
    reaper = Reaper(
        study, storage, grace_seconds=conditions.grace_seconds, max_retries=conditions.max_retries
    )
    idle_seconds = conditions.idle_seconds
    ends = time.monotonic() + (conditions.max_seconds or float("inf"))
    try:
        for num_rounds in count():
            reaper.reap()
            between()
            if len(finished(study)) >= num_trials or (num_rounds and time.monotonic() >= ends):
                return
            taken = _take(study, space, storage)
            if taken is None:
                _wait(storage, idle_seconds)
                idle_seconds = min(1.5 * idle_seconds, _LONGEST_IDLE * conditions.idle_seconds)
                continue
            idle_seconds = conditions.idle_seconds
            with Heartbeat(storage, taken.trial._trial_id, seconds=conditions.heartbeat_seconds):
                work(taken)
    except BaseException:
        _hand_back(reaper, storage)
        raise
    finally:
        storage.shared.num_slots = None


def _take(study: optuna.Study, space: SearchSpace, storage: PatientStorage) -> Taken | None:
    """Take a trial whose candidate no other worker has in hand; None while none is left to take."""
    for collisions in range(_MAX_COLLISIONS + 1):
        try:
            trial = study.ask()
        except NoSlotError:
            return None
        with storage.shared.collecting():
            architecture = space.suggest(trial)
            is_first = storage.is_first_to_propose(trial._trial_id, architecture.fingerprint)
        if is_first or collisions == _MAX_COLLISIONS:
            return Taken(trial, architecture)
        study.tell(trial, state=TrialState.FAIL, skip_if_finished=True)
    raise AssertionError("the last proposal is taken whatever it is")


def _wait(storage: PatientStorage, seconds: float) -> None:
    began = time.monotonic()
    time.sleep(seconds)
    storage.note_pause(meant=seconds, took=time.monotonic() - began)


def _hand_back(reaper: Reaper, storage: PatientStorage) -> None:
    """Give up what is in hand, so that the next worker need not wait until this one counts as gone."""
    patience = storage.patience
    storage.patience = Patience(seconds=0.0)
    try:
        reaper.hand_back(storage.shared.worker)
    except MillinetError:
        return  # the storage is away: the grace period tells the others
    finally:
        storage.patience = patience
