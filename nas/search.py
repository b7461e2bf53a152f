"""The search: ask for a candidate, measure it, train it if it is inside the budget, tell; finish the best.

Each step is in the run folder before the next begins, so the same call resumes a search that was interrupted
or killed, up to the same total of trials.
"""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path
from time import monotonic
from typing import NamedTuple, overload

import optuna
import pandas as pd

from millinet.data import DataSet
from millinet.errors import ConfigError, InfeasibleBudgetError
from millinet.latency import Budget
from millinet.runs import RunFolder, Winner
from nas.conditions import Conditions
from nas.config import SearchConfig
from nas.display import Display, Silent
from nas.explore import Evaluate, Explored, explore
from nas.final import finish_winners
from nas.ledger import ranked, trials_frame
from nas.local_workers import local_workers
from nas.miss import nearest_miss
from nas.probes import is_unprobed, probe
from nas.problem import Problem
from nas.proposal import SpaceExhaustedError
from nas.recorder import Recorder
from nas.setup import Prepared, prepare
from nas.storage import finished
from nas.trials import search_trials
from search_spaces import Architecture, SearchSpace


class SearchResult(NamedTuple):
    """What a search leaves behind."""

    run: RunFolder
    """The run folder."""
    trials: pd.DataFrame
    """One row a trial, as `frames.TRIALS`."""
    winners: list[Winner]
    """The certified networks, best first."""


@overload
def search(
    space: str | Path | SearchSpace,
    data: str | DataSet,
    budget: str | Budget | None = None,
    *,
    out: Path,
    config: SearchConfig | None = None,
    display: Display | None = None,
    conditions: Conditions | None = None,
) -> SearchResult: ...


@overload
def search(
    space: str | Path | SearchSpace,
    data: None = None,
    budget: str | Budget | None = None,
    *,
    evaluate: Evaluate,
    out: Path | None = None,
    config: SearchConfig | None = None,
    enqueue: Sequence[Architecture | str] = (),
    trial_timeout: float | None = None,
    conditions: Conditions | None = None,
) -> Explored: ...


def search(  # noqa: PLR0913 -- two forms of one verb: train on data, or evaluate by a callable
    space: str | Path | SearchSpace,
    data: str | DataSet | None = None,
    budget: str | Budget | None = None,
    *,
    evaluate: Evaluate | None = None,
    out: Path | None = None,
    config: SearchConfig | None = None,
    display: Display | None = None,
    conditions: Conditions | None = None,
    enqueue: Sequence[Architecture | str] = (),
    trial_timeout: float | None = None,
) -> SearchResult | Explored:
    """Search a space for the most accurate network inside a latency budget.

    Args:
        space: A preset's name, a TOML file, or a space.
        data: A data spec such as `digits` or `folder:PATH`, or a data set; candidates are trained on it.
        budget: As `Budget.parse` reads it; None is half the latency of a named reference network.
        evaluate: In place of data: a function of an architecture that returns one number, higher is better;
            see `nas.explore`. None for the budget is then no budget.
        out: The run folder, made or resumed; only a search by `evaluate` may do without.
        config: Everything else that decides the search.
        display: What is told as the search goes on.
        conditions: How it is run: storage, workers, isolation; decides nothing of what is found. By
            `evaluate` only `max_seconds` and `max_retries` count.
        enqueue: Candidates for `evaluate` to begin with.
        trial_timeout: Seconds after which `evaluate` is given up and its trial fails; None waits for ever.
            For data it stands in the conditions, as `silence_seconds`.

    Raises:
        InfeasibleBudgetError: If no network was measured to be inside the budget; the run folder stays.
        ConfigChangedError: If `out` holds a search with other settings.
    """
    if evaluate is not None and data is None:
        return explore(
            space,
            evaluate,
            budget=budget,
            out=out,
            config=config,
            enqueue=enqueue,
            trial_timeout=trial_timeout,
            conditions=conditions,
        )
    if data is None or out is None or evaluate is not None:
        raise ConfigError(
            "search takes either data and out, as in search(space, 'digits', out=Path('runs/mine')), "
            "or evaluate, as in search(space, evaluate=my_function)"
        )
    conditions = conditions or Conditions()
    opening = prepare(space, data, budget, out=out, config=config or SearchConfig(), conditions=conditions)
    return _search(opening, display or Silent(), conditions)


def _search(
    opening: AbstractContextManager[Prepared], display: Display, conditions: Conditions
) -> SearchResult:
    began = monotonic()
    with opening as prepared:
        problem, run, study = prepared
        display.open(run, problem, num_finished=len(finished(study)))
        try:
            if is_unprobed(study):
                display.phase("learning the latency of the space from untrained networks")
                probe(problem, run, study)
            _explore(prepared, display, _left_of(conditions, seconds=monotonic() - began))
            winners = finish_winners(problem, run, ranked(study), display, num_finished=len(finished(study)))
        except KeyboardInterrupt:
            run.save(status="interrupted")
            raise
        return _conclude(problem, run, study, winners, display)


def _left_of(conditions: Conditions, *, seconds: float) -> Conditions:
    """Return the conditions after so many seconds of their time are gone."""
    if conditions.max_seconds is None:
        return conditions
    return replace(conditions, max_seconds=max(conditions.max_seconds - seconds, 1e-3))


def _explore(prepared: Prepared, display: Display, conditions: Conditions) -> None:
    problem, run, study = prepared
    record = Recorder(run, study, display)
    try:
        with local_workers(run, study, count=conditions.num_workers - 1, conditions=conditions):
            search_trials(problem, study, display, conditions=conditions, between=record)
        record()
        if len(finished(study)) < problem.config.num_trials:
            message = f"the time is up after {len(finished(study))} of {problem.config.num_trials} trials"
            run.note(message)
            display.phase(message)
    except SpaceExhaustedError as error:
        run.note(str(error))
    finally:
        record.write()


def _conclude(
    problem: Problem, run: RunFolder, study: optuna.Study, winners: list[Winner], display: Display
) -> SearchResult:
    is_met = any(winner.certificate and winner.certificate.verdict == "meets" for winner in winners)
    run.save(status="complete" if is_met else "infeasible")
    run.seal()
    trials = trials_frame(study)
    display.close(run, trials, winners)
    if not is_met:
        message = nearest_miss(trials, text=str(problem.budget), limit_ms=problem.limit_ms)
        run.note(message)
        raise InfeasibleBudgetError(message)
    return SearchResult(run, trials, winners)
