"""Workers with nothing to train: they run the real loop on the real storage, and their objective waits."""

import multiprocessing
import os
import resource
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import optuna
from optuna.exceptions import UpdateFinishedTrialError
from optuna.samplers import RandomSampler
from optuna.trial import FrozenTrial, TrialState

from nas.conditions import Conditions
from nas.patience import Patience
from nas.records import ROW
from nas.shift import Taken, work_through
from nas.storage import close_study, open_study, storage_of

CONTEXT = multiprocessing.get_context("forkserver")
CONTEXT.set_forkserver_preload([__name__])

CALM = Conditions(
    heartbeat_seconds=1.0, grace_seconds=30.0, idle_seconds=0.05, patience=Patience(seconds=400.0)
)
"""Long grace: on a busy machine nobody is believed dead who is only slow."""


@dataclass(frozen=True)
class Point:
    """A candidate of the light space."""

    fingerprint: str


class LightSpace:
    """A space of one number."""

    def suggest(self, trial: Any) -> Point:
        return Point(f"{trial.suggest_float('x', 0.0, 1.0):.9f}")


@dataclass(frozen=True)
class Job:
    """What a light worker is told."""

    place: Path | str
    folder: Path
    num_trials: int
    seconds: float = 0.05
    conditions: Conditions = CALM
    name: str = "light"
    gate: Path | None = None
    """File without which no trial goes on after it was begun."""
    file_limit: int | None = None
    """Bytes that no file may exceed; stands for a full disk."""

    @contextmanager
    def study(self) -> Iterator[optuna.Study]:
        """Open the study, or make it, for as long as the block lasts."""
        study = open_study(
            self.place,
            objectives=["accuracy"],
            space_fingerprint="light",
            name=self.name,
            patience=self.conditions.patience,
        )
        study.sampler = RandomSampler(seed=os.getpid())
        try:
            yield study
        finally:
            close_study(study)

    def trials(self) -> list[FrozenTrial]:
        """List the trials of the study."""
        with self.study() as study:
            return study.get_trials(deepcopy=False)

    def start(self) -> BaseProcess:
        """Start a worker."""
        process = CONTEXT.Process(target=_work, args=(self,), daemon=True)
        process.start()
        return process

    def noted(self, what: str) -> list[str]:
        """List the numbers of the trials that were begun or told, as the workers saw it."""
        return sorted(path.name.partition(".")[0] for path in self.folder.glob(f"*.{what}.*"))


def _work(job: Job) -> None:
    with job.study() as study:
        _work_on(study, job)


def _work_on(study: optuna.Study, job: Job) -> None:
    if job.file_limit is not None:
        _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (job.file_limit, hard))

    def work(taken: Taken) -> None:
        number = taken.trial.number
        (job.folder / f"{number}.begun.{os.getpid()}").touch()
        while job.gate is not None and not job.gate.exists():
            time.sleep(0.02)
        time.sleep(job.seconds)
        if _tell(study, taken.trial):
            (job.folder / f"{number}.told.{os.getpid()}").touch()

    work_through(
        study,
        LightSpace(),  # type: ignore[arg-type]
        work,
        num_trials=job.num_trials,
        conditions=job.conditions,
    )


def _tell(study: optuna.Study, trial: optuna.Trial) -> bool:
    storage = storage_of(study)
    storage.shared.stage(trial._trial_id, {ROW: {"trial": trial.number, "by": os.getpid()}})
    try:
        study.tell(trial, trial.params["x"], skip_if_finished=True)
    except UpdateFinishedTrialError:
        storage.shared.unstage(trial._trial_id)
    return rows_of(storage.get_trial(trial._trial_id)) == os.getpid()


def rows_of(trial: FrozenTrial) -> int | None:
    """Return which process told a trial; None where none did."""
    row = trial.user_attrs.get(ROW)
    return None if row is None else int(row["by"])


def check(job: Job, *, num_lost: int) -> None:
    """Assert what holds after every fault.

    Exactly as many trials as asked for are finished, none is left open, every result that was acknowledged is
    there, and each loss of a worker cost at most the trial in hand.
    """
    trials = job.trials()
    told = {trial.number for trial in trials if rows_of(trial) is not None}
    assert len(told) == job.num_trials
    assert [trial.number for trial in trials if trial.state == TrialState.RUNNING] == []
    assert {int(number) for number in job.noted("told")} <= told
    assert len(job.noted("begun")) - len(told) <= num_lost
