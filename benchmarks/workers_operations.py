"""What a trial asks of the database, request by request, and how many workers that leaves room for.

    python -m benchmarks.workers_operations --finished 1000 10000 --open 0 100 1000

Works through trials as a worker does, without training, on a PostgreSQL that already holds so many finished
trials and so many that other workers have in hand. Counts statements, commits that write and rows read, which
no clock decides, and times each request. A trial is taken while the study's row is held, by one worker after
the other: so the time it is held, `held_ms` a trial, bounds the trials a second of all workers together. The
rest is theory: a closed queue of W workers that are away for one trial and come back to one server (mean
value analysis, Reiser and Lavenberg, 1980) gives the share of linear for any W.

Writes results/workers_operations.json; with `--counts` only what no clock decides, so that a machine that is
not at rest may count, to results/workers_operations_counts.json.
"""

import argparse
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from statistics import median
from typing import Any

import optuna
from optuna.trial import TrialState, create_trial
from sqlalchemy import Engine, event

from benchmarks.filling import fill
from benchmarks.record import record
from benchmarks.workers import invented
from nas.reaper import Reaper
from nas.records import CANDIDATE, ROW
from nas.storage import close_study, finished, open_study, storage_of
from search_spaces import SearchSpace, load_space
from tests.faults.postgres import running_server

TRIAL_SECONDS = (10.0, 60.0, 600.0)
WORKERS = (8, 64, 100, 1_000)


class Meter:
    """Counts what passes to a database, and times the requests it passes in."""

    def __init__(self, engine: Engine) -> None:
        self.statements: dict[str, int] = defaultdict(int)
        self.commits: dict[str, int] = defaultdict(int)
        self.rows_read: dict[str, int] = defaultdict(int)
        self.seconds: dict[str, list[float]] = defaultdict(list)
        self.held_seconds: list[float] = []
        self._request = ""
        self._is_written = False
        self._held_since: float | None = None
        event.listen(engine, "after_cursor_execute", self._count_statement)
        event.listen(engine, "commit", self._count_commit)

    @contextmanager
    def request(self, name: str) -> Iterator[None]:
        """Count and time what is done inside the block under a name."""
        self._request = name
        started = time.perf_counter()
        yield
        self.seconds[name].append(time.perf_counter() - started)
        self._request = ""

    def rows(self, repeats: int) -> list[dict[str, Any]]:
        """Return one row a request, per trial."""
        return [
            {
                "request": name,
                "statements": self.statements[name] / repeats,
                "commits": self.commits[name] / repeats,
                "rows_read": self.rows_read[name] / repeats,
                "median_ms": 1e3 * median(spent),
            }
            for name, spent in self.seconds.items()
        ]

    def _count_statement(self, _: object, cursor: Any, statement: str, *__: object) -> None:
        self.statements[self._request] += 1
        self.rows_read[self._request] += max(cursor.rowcount, 0) if statement.startswith("SELECT") else 0
        self._is_written |= statement.startswith(("INSERT", "UPDATE", "DELETE"))
        if "FROM studies" in statement and "FOR UPDATE" in statement:
            self._held_since = time.perf_counter()

    def _count_commit(self, _: object) -> None:
        # A transaction that only read leaves nothing to be brought to the disk.
        self.commits[self._request] += self._is_written
        self._is_written = False
        if self._held_since is not None:
            self.held_seconds.append(time.perf_counter() - self._held_since)
            self._held_since = None


def measured(url: str, space: SearchSpace, *, num_finished: int, num_open: int, repeats: int) -> Meter:
    """Work through trials beside those that are there already."""
    study = open_study(
        url,
        objectives=["accuracy"],
        space_fingerprint=space.fingerprint,
        name=f"{num_finished}-{num_open}",
    )
    study.sampler = optuna.samplers.RandomSampler(seed=0)
    past = invented(space, num_finished + num_open)
    fill(study, past[:num_finished])
    fill(study, [in_hand(trial, number) for number, trial in enumerate(past[num_finished:])])
    storage = storage_of(study)
    storage.shared.num_slots = num_finished + num_open + repeats + 1
    reaper = Reaper(study, storage, grace_seconds=1e6, max_retries=0)
    finished(study)
    meter = Meter(storage.shared.engine)
    for _ in range(repeats):
        with meter.request("look for the lost"):
            reaper.reap()
        with meter.request("read what is new"):
            finished(study)
        with meter.request("take"):
            trial = study.ask()
        with storage.shared.collecting():
            with meter.request("choose"):
                architecture = space.suggest(trial)
            with meter.request("propose"):
                storage.is_first_to_propose(trial._trial_id, architecture.fingerprint)
        with meter.request("beat"):
            storage.beat(trial._trial_id)
        with meter.request("tell"):
            storage.shared.stage(trial._trial_id, {ROW: {"trial": trial.number, "latency_ms": 1.0}})
            trial.set_constraint("latency", -0.1)
            study.tell(trial, 0.7)
            storage.get_trial(trial._trial_id)
    close_study(study)
    return meter


def in_hand(trial: optuna.trial.FrozenTrial, number: int) -> optuna.trial.FrozenTrial:
    """Return a trial as another worker has it in hand."""
    return create_trial(
        state=TrialState.RUNNING,
        params=trial.params,
        distributions=trial.distributions,
        user_attrs={CANDIDATE: f"other-{number}"},
    )


def share_of_linear(num_workers: int, *, trial_seconds: float, held_seconds: float) -> float:
    """Return the throughput of workers that queue for one server, as a share of what it was without a queue.

    Exact for durations that vary exponentially, and so on the safe side for steadier ones.
    """
    waiting = 0.0
    throughput = 0.0
    for count in range(1, num_workers + 1):
        response = held_seconds * (1.0 + waiting)
        throughput = count / (trial_seconds + response)
        waiting = throughput * response
    return throughput * (trial_seconds + held_seconds) / num_workers


def main() -> None:
    """Measure every combination, and work out what it leaves room for."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--finished", type=int, nargs="+", default=[1_000, 10_000])
    parser.add_argument("--open", type=int, nargs="+", default=[0, 100, 1_000])
    parser.add_argument("--repeats", type=int, default=10)
    parser.add_argument("--counts", action="store_true", help="leave out all that a clock decides")
    chosen = parser.parse_args()
    space = load_space("tiny", in_channels=1, num_classes=10, resolution=(8, 8))
    rows: list[dict[str, Any]] = []
    paper: list[dict[str, Any]] = []
    with running_server(survives_power_loss=True) as server:
        for num_finished in chosen.finished:
            for num_open in chosen.open:
                meter = measured(
                    server.url, space, num_finished=num_finished, num_open=num_open, repeats=chosen.repeats
                )
                there = {"finished": num_finished, "open": num_open}
                rows += [there | row for row in meter.rows(chosen.repeats)]
                paper += [there | row for row in on_paper(meter)]
    if chosen.counts:
        counted = [{key: value for key, value in row.items() if key != "median_ms"} for row in rows]
        record("workers_operations_counts", counted)
    else:
        record("workers_operations", rows, summary={"on_paper": paper})


def on_paper(meter: Meter) -> list[dict[str, Any]]:
    """Work out the share of linear for several lengths of a trial and numbers of workers."""
    # Twice a trial: when it is taken, and when what it proposes is noted.
    held_seconds = 2.0 * median(meter.held_seconds)
    return [
        {
            "trial_seconds": seconds,
            "held_ms": 1e3 * held_seconds,
            "full_at_workers": int((seconds + held_seconds) / held_seconds),
            "share_of_linear": {
                count: share_of_linear(count, trial_seconds=seconds, held_seconds=held_seconds)
                for count in WORKERS
            },
        }
        for seconds in TRIAL_SECONDS
    ]


if __name__ == "__main__":
    main()
