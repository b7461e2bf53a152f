"""Search for what a user's own objective values most: any callable, with or without a latency budget."""

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import fields
from inspect import Parameter, Signature, signature
from pathlib import Path
from time import monotonic
from typing import Any, NamedTuple

import pandas as pd

from millinet.device import describe, resolve_device
from millinet.errors import ConfigError, InfeasibleBudgetError
from millinet.frames import TRIALS
from millinet.latency import Budget
from millinet.provenance import command_line, commit, utc_now, versions
from millinet.runs import RunFolder, RunRecord
from nas.candidate import FAILED, OVER_BUDGET, UNDECIDED, cause_of
from nas.conditions import Conditions
from nas.config import SearchConfig
from nas.explorer import Explorer, Trial
from nas.gate import Gate
from nas.ledger import check_whole
from nas.miss import nearest_miss
from nas.objectives import check_countable
from nas.probes import is_unprobed, keep, num_random_probes
from nas.proposal import SpaceExhaustedError
from nas.score import EvaluationError
from nas.storage import abandon_stale, finished
from nas.time_limit import TimeIsUp, check_time_limit, time_limit
from search_spaces import Architecture, SearchSpace, load_space

Evaluate = Callable[..., Any]
"""evaluate(architecture) or evaluate(architecture, trial); returns a finite number, higher is better."""


class Explored(NamedTuple):
    """What a search by an objective of one's own found."""

    best: Architecture
    """The candidate of the highest value inside the budget."""
    trials: pd.DataFrame
    """One row a trial, as `frames.TRIALS`; `value` is what the objective returned."""
    explorer: Explorer
    """To go on by ask and tell."""


def explore(  # noqa: PLR0913 -- what `search` takes with `evaluate`
    space: str | Path | SearchSpace,
    evaluate: Evaluate,
    *,
    budget: str | Budget | None = None,
    out: Path | None = None,
    config: SearchConfig | None = None,
    enqueue: Sequence[Architecture | str] = (),
    trial_timeout: float | None = None,
    conditions: Conditions | None = None,
) -> Explored:
    """Search a space for the architecture of the highest value.

    With a budget each candidate is measured first, and evaluated only if it is inside. An evaluation that
    raises or returns no number fails its trial with the cause; the search goes on. Named networks that lie in
    the space come first.

    Args:
        space: A preset's name, a TOML file, or a space.
        evaluate: Takes an architecture, and the `Trial` where it has a second parameter; returns one number,
            higher is better.
        budget: As `Budget.parse` reads it; None has none.
        out: Folder of the study and its frame, made or resumed; None keeps all in memory.
        config: Sampler, seed, objectives, number of trials, device; what is about training plays no part.
        enqueue: Candidates to evaluate first, after the named networks.
        trial_timeout: Seconds after which an evaluation fails its trial; None waits for ever.
        conditions: Of these `max_seconds` and `max_retries` count; others are refused, as candidates are
            evaluated one by one in this process.

    Raises:
        EvaluationError: If no trial could be evaluated; the message names the last cause.
        InfeasibleBudgetError: If no candidate was inside the budget; the message names the fastest.
        ConfigChangedError: If `out` holds a search of another space, objective or configuration.
        RunFolderError: If it holds trials whose study is gone.
    """
    if not callable(evaluate):
        raise ConfigError(f"evaluate must be callable, got {evaluate!r}; pass a function of an architecture")
    check_time_limit(trial_timeout)
    conditions = _checked(conditions or Conditions())
    ends = monotonic() + (conditions.max_seconds or float("inf"))
    objective = _limited(evaluate, trial_timeout)
    config = config or SearchConfig()
    searched = space if isinstance(space, SearchSpace) else load_space(space)
    asked = Budget.parse(budget) if isinstance(budget, str) else budget
    check_countable(config.objectives, resolve_device(config.device))
    with ExitStack() as stack:
        gate = stack.enter_context(Gate(searched, asked, config)) if asked is not None else None
        run = None
        if out is not None:
            run = RunFolder.resume_or_create(out, _record(out, searched, evaluate, asked, config))
            run.save(status="running")
        limit_ms = None if gate is None else gate.resolve(run)
        explorer = Explorer(
            searched,
            limit_ms=limit_ms,
            config=config,
            path=None if out is None else out / "study.db",
            objective=name_of(evaluate),
        )
        if run is not None:
            check_whole(run, explorer.study)
            abandon_stale(explorer.study, max_retries=conditions.max_retries)
        if is_unprobed(explorer.study):
            _begin(explorer, gate)
        for candidate in enqueue:
            explorer.enqueue(candidate)
        try:
            _go_on(explorer, objective, gate, run, ends=ends)
        except KeyboardInterrupt:
            if run is not None:
                run.save(status="interrupted")
            raise
    return _conclude(explorer, run, asked)


def name_of(evaluate: Evaluate) -> str:
    """Name an objective as its study keeps it: where it was defined, and under which name."""
    named = evaluate if hasattr(evaluate, "__qualname__") else type(evaluate)
    return f"{named.__module__}:{named.__qualname__}"


def _begin(explorer: Explorer, gate: Gate | None) -> None:
    if gate is None:
        explorer.enqueue_known()
        keep(explorer.study, explorer.space, [], budget=None)
        return
    count = num_random_probes(explorer.config.sampler, explorer.config.num_probes)
    probed = gate.visited(explorer.space, count=count, seed=explorer.config.seed)
    keep(explorer.study, explorer.space, probed, budget=gate.budget)


def _limited(evaluate: Evaluate, seconds: float | None) -> Callable[[Trial], Any]:
    """Return what calls an objective as it was written, and for no longer than it may take."""
    takes_trial = _takes_trial(evaluate)

    def call(trial: Trial) -> Any:
        with time_limit(seconds):
            return evaluate(trial.architecture, trial) if takes_trial else evaluate(trial.architecture)

    return call


def _checked(conditions: Conditions) -> Conditions:
    plain = Conditions()
    left = [one.name for one in fields(Conditions) if one.name not in ("max_seconds", "max_retries")]
    if others := [name for name in left if getattr(conditions, name) != getattr(plain, name)]:
        raise ConfigError(
            f"evaluate is called one by one in this process, so of the conditions only max_seconds and "
            f"max_retries count, got {', '.join(others)}; leave them out, or search on data"
        )
    return conditions


def _go_on(
    explorer: Explorer,
    objective: Callable[[Trial], Any],
    gate: Gate | None,
    run: RunFolder | None,
    *,
    ends: float,
) -> None:
    """Try candidates until there are enough, or until the time is up and at least one more was tried."""
    num_trials, num_before = explorer.config.num_trials, len(finished(explorer.study))
    try:
        while (num_finished := len(finished(explorer.study))) < num_trials:
            if num_finished > num_before and monotonic() >= ends:
                _note(run, f"the time is up after {num_finished} of {num_trials} trials")
                return
            _judge(explorer, explorer.ask(), objective, gate)
            if run is not None:
                run.write(TRIALS, explorer.trials)
    except SpaceExhaustedError as error:
        _note(run, str(error))


def _note(run: RunFolder | None, message: str) -> None:
    if run is not None:
        run.note(message)


def _judge(explorer: Explorer, trial: Trial, objective: Callable[[Trial], Any], gate: Gate | None) -> None:
    """Evaluate a candidate; one that cannot be fails, and the search goes on."""
    try:
        _try(explorer, trial, objective, gate)
    except TimeIsUp as error:
        explorer.tell_failed(trial, str(error))
    except (SystemExit, Exception) as error:  # noqa: BLE001 -- a user's function may fail in any way
        explorer.tell_failed(trial, cause_of(error))


def _try(explorer: Explorer, trial: Trial, objective: Callable[[Trial], Any], gate: Gate | None) -> None:
    measured = None
    if gate is not None:
        measured = gate.measure(trial.architecture, seed=explorer.config.seed)
        verdict = measured.verdict(gate.budget)
        if verdict != "meets":
            state = OVER_BUDGET if verdict == "fails" else UNDECIDED
            explorer.tell_over_budget(trial, measured, state=state)
            return
    explorer.tell(trial, objective(trial), measured=measured)


def _takes_trial(evaluate: Evaluate) -> bool:
    """Tell whether an objective has a second parameter without a default.

    Raises:
        ConfigError: If it can be called neither with one argument nor with two.
    """
    try:
        found = signature(evaluate)
    except (TypeError, ValueError):
        return False
    kinds = (Parameter.POSITIONAL_ONLY, Parameter.POSITIONAL_OR_KEYWORD)
    parameters = [one for one in found.parameters.values() if one.kind in kinds]
    count = max(1, sum(one.default is Parameter.empty for one in parameters))
    try:
        found.bind(*range(count))
    except TypeError as error:
        raise _cannot_be_called(found) from error
    if count > 2:
        raise _cannot_be_called(found)
    return count == 2


def _cannot_be_called(found: Signature) -> ConfigError:
    return ConfigError(
        f"evaluate is called with an architecture, or with an architecture and its trial, got {found}; "
        f"give the other parameters defaults, or bind them with functools.partial"
    )


def _conclude(explorer: Explorer, run: RunFolder | None, budget: Budget | None) -> Explored:
    trials, best = explorer.trials, explorer.best
    failed = trials[trials["state"] == FAILED]
    is_infeasible = budget is not None and not len(failed)
    if run is not None:
        run.save(status="complete" if best is not None else "infeasible" if is_infeasible else "failed")
        run.seal()
    if best is not None:
        return Explored(best, trials, explorer)
    if not is_infeasible:
        cause = failed["cause"].iloc[-1] if len(failed) else "no trial was made"
        raise EvaluationError(
            f"none of {len(trials)} trials came to a value; the last of {len(failed)} that failed: {cause}"
        )
    raise InfeasibleBudgetError(nearest_miss(trials, text=str(budget), limit_ms=explorer.limit_ms or 0.0))


def _record(
    out: Path, space: SearchSpace, evaluate: Evaluate, budget: Budget | None, config: SearchConfig
) -> RunRecord:
    return RunRecord(
        name=out.name,
        created=utc_now(),
        command=command_line(),
        config={
            "objective": name_of(evaluate),
            "space": space.name,
            "space_fingerprint": space.fingerprint,
            "budget": None if budget is None else str(budget),
            "sampler": config.sampler,
            "objectives": ",".join(config.objectives),
            "seed": config.seed,
        },
        num_trials=config.num_trials,
        seed=config.seed,
        versions=versions(),
        commit=commit(),
        device=describe(resolve_device(config.device)).as_dict(),
        space={
            "name": space.name,
            "fingerprint": space.fingerprint,
            "size": str(space.size),
            "toml": space.to_toml(),
        },
    )
