"""Close the trials whose workers are gone, and give their candidates to others."""

import time

import optuna

from nas.identity import Worker
from nas.patient_storage import PatientStorage
from nas.records import CAUSE, RETRIES
from nas.shared_storage import OpenTrial

LOST = "lost with its worker"
"""Why a trial was given up."""


def give_to_another(storage: PatientStorage, trial: OpenTrial, *, cause: str, max_retries: int) -> bool:
    """Close an open trial and enqueue its candidate again, unless that was done too often.

    Returns:
        Whether this call closed it.
    """
    retries = num_retries(storage, trial)
    retry = {RETRIES: retries + 1} if retries < max_retries else None
    return storage.give_up(trial, {CAUSE: cause}, retry=retry)


def num_retries(storage: PatientStorage, trial: OpenTrial) -> int:
    """Return how often the candidate of a trial was lost before."""
    return int(storage.get_trial(trial.trial_id).user_attrs.get(RETRIES, 0))


class Reaper:
    """Watches the open trials of a study.

    A worker is gone where its process is known to have ended, on this machine, or where nothing was heard of
    its trial for the grace period. That is counted by this process's own steady clock from the last change
    it saw, so a clock that jumps, on whichever machine, makes nobody look dead. Time in which the database
    was away, or this process itself was stopped, does not count: nobody could be heard then.

    Args:
        study: The study.
        storage: Its storage.
        grace_seconds: Silence after which a worker counts as gone.
        max_retries: Times a candidate is given to another worker; one that takes every worker with it ends
        there.
    """

    def __init__(
        self, study: optuna.Study, storage: PatientStorage, *, grace_seconds: float, max_retries: int
    ) -> None:
        self._storage = storage
        self._study = study
        self._study_id = storage.get_study_id_from_name(study.study_name)
        self._grace_seconds, self._max_retries = grace_seconds, max_retries
        self._seen: dict[int, tuple[str | None, float]] = {}

    def reap(self) -> list[int]:
        """Close what is lost; return the numbers of the trials this call closed."""
        open_trials = self._storage.open_trials(self._study_id)
        still = {trial.trial_id for trial in open_trials}
        self._seen = {trial_id: seen for trial_id, seen in self._seen.items() if trial_id in still}
        return [trial.number for trial in open_trials if self._is_lost(trial) and self._close(trial)]

    def hand_back(self, worker: Worker) -> None:
        """Close what a worker of this process has in hand, for another to take at once."""
        for trial in self._storage.open_trials(self._study_id):
            if trial.worker == worker:
                retry = {RETRIES: num_retries(self._storage, trial)}
                self._storage.give_up(trial, {CAUSE: "interrupted"}, retry=retry)

    def _is_lost(self, trial: OpenTrial) -> bool:
        if trial.worker == self._storage.shared.worker:
            return False
        if trial.worker is not None and trial.worker.is_known_dead:
            return True
        now = time.monotonic()
        beat, since = self._seen.setdefault(trial.trial_id, (trial.beat, now))
        if beat != trial.beat:
            self._seen[trial.trial_id] = (trial.beat, now)
            return False
        return now - max(since, self._storage.unbroken_since) > self._grace_seconds

    def _close(self, trial: OpenTrial) -> bool:
        return give_to_another(self._storage, trial, cause=LOST, max_retries=self._max_retries)
