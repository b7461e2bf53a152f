"""The search: ask for a candidate, measure it, train it if it is inside the budget, tell; finish the best.

Each step is in the run folder before the next begins, so the same call resumes a search that was interrupted
or killed, up to the same total of trials.
"""

from pathlib import Path
from typing import NamedTuple

import optuna
import pandas as pd

from millinet.data import DataSet
from millinet.errors import InfeasibleBudgetError
from millinet.frames import HISTORY, LATENCY, TRIALS
from millinet.latency import Budget
from millinet.provenance import utc_now
from millinet.runs import RunFolder, Winner
from millinet.training import EpochRecord
from nas.candidate import Outcome, try_candidate
from nas.config import SearchConfig
from nas.display import Display, Silent
from nas.final import finish_winners
from nas.ledger import peers_of, ranked, row_of, tell, trials_frame
from nas.probes import is_unprobed, probe
from nas.problem import Problem
from nas.setup import prepare
from nas.storage import abandon_stale, finished
from search_spaces import SearchSpace


class SearchResult(NamedTuple):
    """What a search leaves behind."""

    run: RunFolder
    """The run folder."""
    trials: pd.DataFrame
    """One row a trial, as `frames.TRIALS`."""
    winners: list[Winner]
    """The certified networks, best first."""


def search(
    space: str | Path | SearchSpace,
    data: str | DataSet,
    budget: str | Budget | None = None,
    *,
    out: Path,
    config: SearchConfig | None = None,
    display: Display | None = None,
) -> SearchResult:
    """Search a space for the most accurate network inside a latency budget.

    Args:
        space: A preset's name, a TOML file, or a space.
        data: A data spec such as `digits` or `folder:PATH`, or a data set.
        budget: As `Budget.parse` reads it; None is half the latency of a named reference network.
        out: The run folder, made or resumed.
        config: Everything else that decides the search.
        display: What is told as the search goes on.

    Raises:
        InfeasibleBudgetError: If no network was measured to be inside the budget; the run folder stays.
        ConfigChangedError: If `out` holds a search with other settings.
    """
    config = config or SearchConfig()
    display = display or Silent()
    with prepare(space, data, budget, out=out, config=config) as prepared:
        problem, run, study = prepared
        display.open(run, problem, num_finished=len(finished(study)))
        try:
            abandon_stale(study)
            if is_unprobed(problem, study):
                display.phase("learning the latency of the space from untrained networks")
                probe(problem, run, study)
            _explore(problem, run, study, display)
            winners = finish_winners(problem, run, ranked(study), display, num_finished=len(finished(study)))
        except KeyboardInterrupt:
            run.save(status="interrupted")
            raise
        return _conclude(problem, run, study, winners, display)


def _explore(problem: Problem, run: RunFolder, study: optuna.Study, display: Display) -> None:
    peers = peers_of(study)
    while (count := len(finished(study))) < problem.config.num_trials:
        trial = study.ask()
        started = utc_now()
        architecture = problem.space.suggest(trial)
        display.begin(trial.number, architecture)

        def on_epoch(record: EpochRecord, number: int = trial.number) -> None:
            display.epoch(number, record)

        outcome = try_candidate(
            architecture, problem, seed=problem.config.seed, peers=peers, on_epoch=on_epoch
        )
        row = row_of(
            trial.number,
            architecture,
            outcome,
            budget_ms=problem.limit_ms,
            started=started,
            params=trial.params,
        )
        tell(study, trial, outcome, row=row, limit_ms=problem.limit_ms, chance=1 / problem.data.num_classes)
        if outcome.peer is not None:
            peers.append(outcome.peer)
        _record(run, study, outcome, row)
        display.end(row, num_finished=count + 1)


def _record(run: RunFolder, study: optuna.Study, outcome: Outcome, row: dict[str, object]) -> None:
    name = f"trial:{row['trial']}"
    run.write(TRIALS, trials_frame(study))
    if outcome.latency is not None:
        latency = outcome.latency.row(model=name, fingerprint=str(row["fingerprint"]))
        run.append(LATENCY, [latency | {"parameters": row["parameters"], "macs": row["macs"]}])
    if outcome.history:
        run.append(
            HISTORY, [record._asdict() | {"model": name, "phase": "search"} for record in outcome.history]
        )
    run.save(
        phases=run.record.phases
        | {
            "measuring": run.record.phases.get("measuring", 0.0) + outcome.measure_seconds,
            "training": run.record.phases.get("training", 0.0) + outcome.train_seconds,
        }
    )


def _conclude(
    problem: Problem, run: RunFolder, study: optuna.Study, winners: list[Winner], display: Display
) -> SearchResult:
    is_met = any(winner.certificate and winner.certificate.verdict == "meets" for winner in winners)
    run.save(status="complete" if is_met else "infeasible")
    run.seal()
    trials = trials_frame(study)
    display.close(run, trials, winners)
    if not is_met:
        message = nearest_miss(trials, budget=problem.budget)
        run.note(message)
        raise InfeasibleBudgetError(message)
    return SearchResult(run, trials, winners)


def nearest_miss(trials: pd.DataFrame, *, budget: Budget) -> str:
    """Say that nothing met the budget, and what came nearest."""
    measured = trials.dropna(subset=["latency_ms"])
    if measured.empty:
        return (
            f"none of {len(trials)} candidates could be measured against {budget}; see `cause` in trials.csv"
        )
    fastest = measured.sort_values("latency_ms").iloc[0]
    return (
        f"none of {len(trials)} candidates was certified inside {budget} ({budget.limit_ms:.3g} ms); "
        f"the fastest, trial {fastest['trial']} ({fastest['architecture']}), took "
        f"{fastest['latency_ms']:.3g} ms [{fastest['latency_low_ms']:.3g}, "
        f"{fastest['latency_high_ms']:.3g}]; raise the budget, add trials, or allow smaller networks"
    )
