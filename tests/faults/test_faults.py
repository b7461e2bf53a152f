"""Whatever dies - a worker, the database, the disk - costs at most the trial in hand."""

import os
import random
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from multiprocessing.process import BaseProcess
from pathlib import Path

import pytest
from optuna.trial import TrialState
from sqlalchemy import text

from millinet.errors import StorageError
from nas.patience import Patience
from nas.storage import storage_of
from tests.faults.light import CALM, Job, check
from tests.faults.postgres import Server, running_server

DEADLINE_SECONDS = 500.0
"""After this a worker counts as hung; far beyond what any takes."""
OUTAGE_SECONDS = 60.0
"""Longer than the grace period: a worker that was cut off must not be taken for dead afterwards."""


@dataclass(frozen=True)
class Outage:
    """A database that crashed under four workers."""

    server: Server
    job: Job
    workers: list[BaseProcess]
    since: float

    def end(self) -> None:
        """Start the database again, once it was away for long enough."""
        until(lambda: time.monotonic() - self.since > OUTAGE_SECONDS)
        self.server.start()


@pytest.fixture(scope="module")
def outage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Outage]:
    with running_server() as crashing:
        job = Job(
            place=crashing.url,
            folder=tmp_path_factory.mktemp("outage"),
            num_trials=32,
            # The other tests pass meanwhile, however long a busy machine takes for them.
            conditions=replace(CALM, patience=Patience(seconds=3600.0)),
        )
        workers = [job.start() for _ in range(4)]
        until(lambda: len(job.noted("told")) >= 6)
        crashing.stop("immediate")
        yield Outage(crashing, job, workers, since=time.monotonic())


@pytest.fixture(scope="module", autouse=True)
def _long_waits_pass_beside_the_other_tests(request: pytest.FixtureRequest) -> None:
    here = [item for item in request.session.items if item.path == request.path]
    if any("outage" in item.fixturenames for item in here if isinstance(item, pytest.Function)):
        request.getfixturevalue("outage")


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with running_server() as running:
        yield running


@pytest.fixture(params=["sqlite", "postgresql"])
def job(request: pytest.FixtureRequest, tmp_path: Path) -> Job:
    place: Path | str = tmp_path / "study.db"
    if request.param == "postgresql":
        place = request.getfixturevalue("server").url
    folder = tmp_path / "notes"
    folder.mkdir()
    return Job(place=place, folder=folder, num_trials=20, name=tmp_path.name)


@pytest.fixture
def shared(server: Server, tmp_path: Path) -> Job:
    folder = tmp_path / "notes"
    folder.mkdir()
    return Job(place=server.url, folder=folder, num_trials=32, name=tmp_path.name)


def until(condition: Callable[[], bool]) -> None:
    """Wait for a condition; that it comes is the claim, when it comes is not."""
    end = time.monotonic() + DEADLINE_SECONDS
    while not condition():
        assert time.monotonic() < end, "what was waited for did not come"
        time.sleep(0.02)


def all_survive(workers: list[BaseProcess]) -> None:
    for worker in workers:
        worker.join(DEADLINE_SECONDS)
    assert [worker.exitcode for worker in workers] == [0] * len(workers)


def test_four_workers_that_start_in_the_same_instant_finish_exactly_as_many_as_asked(job: Job) -> None:
    workers = [job.start() for _ in range(4)]

    all_survive(workers)

    check(job, num_lost=0)


def test_killed_workers_cost_the_trials_they_had_in_hand(job: Job) -> None:
    rng = random.Random(0)
    workers = [job.start() for _ in range(4)]
    num_killed = 0
    for num_told in (2, 6, 11, 15):
        until(lambda least=num_told: len(job.noted("told")) >= least)  # type: ignore[misc]
        time.sleep(rng.uniform(0.0, 0.1))
        victim = workers.pop(0)
        victim.kill()
        victim.join()
        num_killed += 1
        workers.append(job.start())

    all_survive(workers)

    check(job, num_lost=num_killed)


def test_a_search_killed_with_all_its_workers_goes_on_at_once_where_it_was(job: Job) -> None:
    workers = [job.start() for _ in range(4)]
    until(lambda: len(job.noted("told")) >= 8)
    for worker in workers:
        worker.kill()
        worker.join()

    all_survive([job.start()])

    check(job, num_lost=4)


def test_frozen_workers_are_replaced_and_survive_their_return(job: Job, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    # They do not beat before they are stopped: stopped inside a transaction one would hold up SQLite.
    still = replace(CALM, heartbeat_seconds=300.0, grace_seconds=600.0)
    frozen = [replace(job, gate=gate, conditions=still).start() for _ in range(3)]
    until(lambda: len(job.noted("begun")) == 3)
    given_up = job.noted("begun")
    for worker in frozen:
        os.kill(worker.pid or 0, signal.SIGSTOP)

    # One worker alone: with so short a grace period it might give up another that is merely slow.
    all_survive([replace(job, conditions=replace(CALM, grace_seconds=3.0)).start()])
    assert {job.trials()[int(number)].state for number in given_up} == {TrialState.FAIL}
    gate.touch()
    for worker in frozen:
        os.kill(worker.pid or 0, signal.SIGCONT)
    all_survive(frozen)

    check(job, num_lost=3)
    assert set(given_up).isdisjoint(job.noted("told"))


@pytest.mark.parametrize("mode", ["fast", "immediate"])
def test_every_worker_survives_a_restart_of_the_database(shared: Job, server: Server, mode: str) -> None:
    workers = [shared.start() for _ in range(4)]
    until(lambda: len(shared.noted("told")) >= 6)

    server.restart(mode)
    all_survive(workers)

    check(shared, num_lost=0)


def test_a_clock_that_jumps_back_and_forth_takes_no_trial_from_anybody(job: Job) -> None:
    job = replace(job, conditions=replace(CALM, heartbeat_seconds=0.1))
    workers = [job.start() for _ in range(4)]
    for num_told, days in ((3, 400), (8, -400), (13, 800)):
        until(lambda least=num_told: len(job.noted("told")) >= least)  # type: ignore[misc]
        with job.study() as study, storage_of(study).shared.engine.begin() as connection:
            moved = datetime.now() + timedelta(days=days)
            connection.execute(text("UPDATE trial_heartbeats SET heartbeat = :moved"), {"moved": moved})

    all_survive(workers)

    check(job, num_lost=0)


def test_a_full_disk_ends_the_worker_and_keeps_what_was_told(tmp_path: Path) -> None:
    (tmp_path / "notes").mkdir()
    job = Job(place=tmp_path / "study.db", folder=tmp_path / "notes", num_trials=60, seconds=0.0)
    assert job.trials() == []
    size = (tmp_path / "study.db").stat().st_size

    stopped = [replace(job, file_limit=size + 600_000).start() for _ in range(4)]
    for worker in stopped:
        worker.join(DEADLINE_SECONDS)
    num_told = len(job.noted("told"))
    assert [worker.exitcode for worker in stopped] == [1] * 4
    assert 0 < num_told < 60
    all_survive([job.start() for _ in range(4)])

    check(job, num_lost=4)


@pytest.mark.parametrize("num_bytes", [1, 5000])
def test_a_torn_tail_loses_nothing_but_the_tail(tmp_path: Path, num_bytes: int) -> None:
    (tmp_path / "notes").mkdir()
    job = Job(place=tmp_path / "study.db", folder=tmp_path / "notes", num_trials=24)
    workers = [job.start() for _ in range(4)]
    until(lambda: len(job.noted("told")) >= 8)
    for worker in workers:
        worker.kill()
        worker.join()
    log = tmp_path / "study.db-wal"
    os.truncate(log, max(log.stat().st_size - num_bytes, 0))

    all_survive([job.start() for _ in range(4)])

    trials = job.trials()
    assert sum("row" in trial.user_attrs for trial in trials) == 24
    assert [trial for trial in trials if trial.state == TrialState.RUNNING] == []


def test_no_enqueued_trial_runs_twice(job: Job) -> None:
    job = replace(job, num_trials=200, seconds=0.0)
    with job.study() as study:
        for number in range(200):
            study.enqueue_trial({"x": number / 200})

    all_survive([job.start() for _ in range(4)])

    check(job, num_lost=0)
    assert len(job.noted("begun")) == 200
    assert sorted(trial.params["x"] for trial in job.trials()) == [number / 200 for number in range(200)]


def test_every_worker_outlasts_a_database_that_is_down_for_a_minute(outage: Outage) -> None:
    outage.end()
    all_survive(outage.workers)

    check(outage.job, num_lost=0)


def test_a_database_that_stays_away_ends_the_worker_in_one_line(tmp_path: Path, server: Server) -> None:
    gone = server.url.replace(str(server.port), "9")
    impatient = replace(CALM, patience=Patience(seconds=0.5))
    job = Job(place=gone, folder=tmp_path, num_trials=1, conditions=impatient)

    with pytest.raises(StorageError, match=r"did not answer for \d+ s") as raised:
        job.trials()

    assert "s3cret" not in str(raised.value)
