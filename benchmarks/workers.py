"""What many workers cost: how they scale on PostgreSQL, and the price of a trial beside Optuna's own TPE.

    python -m benchmarks.workers scaling --workers 1 2 4 8 --trials 20
    python -m benchmarks.workers storage --trials 1000 10000

`scaling` gives every worker trials that sleep 1 s, so all that is missing from linear is the search's own;
what is counted is the time from the first trial taken to the last one told. `storage` does all that a worker
does to the study but no work, on one that already holds so many trials: once by the default sampler on our
storage, once by Optuna's TPE on Optuna's, in turn on the same machine. Bars: 0.9 of linear; 100 ms a trial
at 1,000 trials, 500 ms at 10,000.

Each writes results/workers_scaling.json or results/workers_storage.json.
"""

import argparse
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import optuna
from optuna.trial import FixedTrial, FrozenTrial, create_trial

from benchmarks.filling import fill
from benchmarks.record import record
from nas.reaper import Reaper
from nas.records import ROW
from nas.samplers import SAMPLERS, SamplerContext
from nas.storage import finished, open_study, storage_of
from search_spaces import SearchSpace, load_space
from tests.faults.light import CALM, Job, check
from tests.faults.postgres import running_server

SCALING_BAR = 0.9
STORAGE_BARS_MS = {1_000: 100.0, 10_000: 500.0}


def scaling(counts: Sequence[int], trials_each: int) -> None:
    """Run 1, 2, 4, ... workers on trials that sleep, and compare with linear."""
    rows = []
    with running_server(survives_power_loss=True) as server, tempfile.TemporaryDirectory() as folder:
        for count in counts:
            notes = Path(folder) / str(count)
            notes.mkdir()
            job = Job(
                place=server.url,
                folder=notes,
                num_trials=trials_each * count,
                seconds=1.0,
                name=f"scaling-{count}",
                conditions=replace(CALM, heartbeat_seconds=10.0),
            )
            workers = [job.start() for _ in range(count)]
            for worker in workers:
                worker.join()
            check(job, num_lost=0)
            span = working_time(job.trials())
            rows.append(
                {
                    "workers": count,
                    "trials": job.num_trials,
                    "seconds": span.total_seconds(),
                    "share_of_linear": trials_each / span.total_seconds(),
                }
            )
    worst = min(row["share_of_linear"] for row in rows)
    record("workers_scaling", rows, summary={"bar": SCALING_BAR, "worst": worst, "met": worst >= SCALING_BAR})


def working_time(trials: Sequence[FrozenTrial]) -> timedelta:
    """Return the time from the first trial taken to the last one told."""
    begun = [trial.datetime_start for trial in trials if trial.datetime_start is not None]
    ended = [trial.datetime_complete for trial in trials if trial.datetime_complete is not None]
    return max(ended) - min(begun)


def storage(sizes: Sequence[int], repeats: int) -> None:
    """Ask and tell on studies of a given size, by the default sampler and by Optuna's TPE."""
    space = load_space("tiny", in_channels=1, num_classes=10, resolution=(8, 8))
    rows: list[dict[str, Any]] = []
    with running_server(survives_power_loss=True) as server, tempfile.TemporaryDirectory() as folder:
        for size in sizes:
            past = invented(space, size)
            for kind in ("sqlite", "postgresql"):
                place = Path(folder) / f"{size}.db" if kind == "sqlite" else server.url
                ours, theirs = our_study(space, place, size), their_study(space, place, size)
                for study in (ours, theirs):
                    fill(study, past)
                costs = in_turn(
                    lambda study=ours: our_trial(study, space),  # type: ignore[misc]
                    lambda study=theirs: their_trial(study, space),  # type: ignore[misc]
                    repeats=repeats,
                )
                rows.append(
                    {
                        "storage": kind,
                        "trials": size,
                        "millinet_ms": costs[0],
                        "optuna_tpe_ms": costs[1],
                        "ratio": costs[0] / costs[1],
                        "bar_ms": STORAGE_BARS_MS.get(size),
                    }
                )
    is_met = all(row["millinet_ms"] <= row["bar_ms"] for row in rows if row["bar_ms"] is not None)
    record("workers_storage", rows, seeds=[0], summary={"met": is_met})


def invented(space: SearchSpace, count: int) -> list[FrozenTrial]:
    """Make finished trials at random points of a space, with invented results."""
    rng = np.random.default_rng(0)
    found = []
    for number in range(count):
        trial = FixedTrial(space.params(space.sample(rng)))
        space.suggest(trial)
        accuracy, latency_ms = float(rng.uniform(0.5, 1.0)), float(rng.uniform(0.2, 2.0))
        row = {"trial": number, "state": "complete", "accuracy": accuracy, "latency_ms": latency_ms}
        found.append(
            create_trial(
                value=accuracy,
                params=trial.params,
                distributions=trial.distributions,
                user_attrs={ROW: row},
                system_attrs={"constraints:latency": latency_ms - 1.0},
            )
        )
    return found


def our_study(space: SearchSpace, place: Path | str, size: int) -> optuna.Study:
    """Make a study as a search does."""
    study = open_study(
        place, objectives=["accuracy"], space_fingerprint=space.fingerprint, name=f"ours-{size}"
    )
    study.sampler = SAMPLERS["gated"](context(space, size))
    storage_of(study).shared.num_slots = size + 100
    return study


def their_study(space: SearchSpace, place: Path | str, size: int) -> optuna.Study:
    """Make a study as Optuna does."""
    return optuna.create_study(
        storage=place if isinstance(place, str) else f"sqlite:///{place}",
        study_name=f"theirs-{size}",
        sampler=SAMPLERS["tpe"](context(space, size)),
        direction="maximize",
    )


def context(space: SearchSpace, size: int) -> SamplerContext:
    """Describe the search to its sampler."""
    return SamplerContext(seed=0, space=space, limit_ms=1.0, num_trials=size + 100, num_told=size)


def our_trial(study: optuna.Study, space: SearchSpace) -> None:
    """Take a trial and tell it, with all that a worker does to the study."""
    storage = storage_of(study)
    Reaper(study, storage, grace_seconds=60.0, max_retries=2).reap()
    finished(study)
    trial = study.ask()
    with storage.shared.collecting():
        architecture = space.suggest(trial)
        storage.is_first_to_propose(trial._trial_id, architecture.fingerprint)
    row = {"trial": trial.number, "state": "complete", "accuracy": 0.7, "latency_ms": 0.9}
    storage.shared.stage(trial._trial_id, {ROW: row})
    trial.set_constraint("latency", -0.1)
    study.tell(trial, 0.7)
    storage.get_trial(trial._trial_id)


def their_trial(study: optuna.Study, space: SearchSpace) -> None:
    """Take a trial and tell it, as `study.optimize` would."""
    trial = study.ask()
    space.suggest(trial)
    trial.set_constraint("latency", -0.1)
    study.tell(trial, 0.7)


def in_turn(*works: Callable[[], None], repeats: int) -> list[float]:
    """Time several works in turn, after one of each that is not counted; return the medians in ms."""
    spent: list[list[float]] = [[] for _ in works]
    for repeat in range(repeats + 1):
        for seconds, work in zip(spent, works, strict=True):
            started = time.perf_counter()
            work()
            if repeat:
                seconds.append(time.perf_counter() - started)
    return [1e3 * median(seconds) for seconds in spent]


def main() -> None:
    """Run one of the two."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    parser = argparse.ArgumentParser(description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    scale = commands.add_parser("scaling")
    scale.add_argument("--workers", type=int, nargs="+", default=[1, 2, 4, 8])
    scale.add_argument("--trials", type=int, default=20, help="trials a worker")
    price = commands.add_parser("storage")
    price.add_argument("--trials", type=int, nargs="+", default=[1_000, 10_000])
    price.add_argument("--repeats", type=int, default=10)
    chosen = parser.parse_args()
    if chosen.command == "scaling":
        scaling(chosen.workers, chosen.trials)
    else:
        storage(chosen.trials, chosen.repeats)


if __name__ == "__main__":
    main()
