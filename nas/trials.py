"""Work on the trials of a search: judge each candidate, tell the study, and let peers be its yardstick."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import optuna

from millinet.provenance import utc_now
from millinet.training import EpochRecord
from nas.candidate import Outcome, cause_of, try_candidate
from nas.conditions import Conditions
from nas.display import Display
from nas.fidelity import Peer
from nas.isolation import IsolatedJudge
from nas.ledger import peers_of, row_of, tell
from nas.problem import Problem
from nas.shift import Taken, work_through
from search_spaces import Architecture

Judge = Callable[[Architecture, Sequence[Peer], Callable[[EpochRecord], None]], Outcome]
"""judge(architecture, peers, on_epoch) -> what became of the candidate."""


def search_trials(
    problem: Problem,
    study: optuna.Study,
    display: Display,
    *,
    conditions: Conditions,
    between: Callable[[], object] = lambda: None,
) -> None:
    """Measure and train candidates until the search has all of its trials.

    Args:
        problem: What is searched.
        study: Its study.
        display: What is told of the trials this process works on.
        conditions: How it is run.
        between: Called between trials, and while other workers have the last ones in hand.
    """
    with judging(problem, conditions) as judge:
        work_through(
            study,
            problem.space,
            _worker(problem, study, display, judging_again(judge, num_more=conditions.max_repeats)),
            num_trials=problem.config.num_trials,
            conditions=conditions,
            between=between,
        )


def _worker(problem: Problem, study: optuna.Study, display: Display, judge: Judge) -> Callable[[Taken], None]:
    def work(taken: Taken) -> None:
        number = taken.trial.number
        display.begin(number, taken.architecture)
        started = utc_now()
        outcome = judge(taken.architecture, peers_of(study), lambda record: display.epoch(number, record))
        row = row_of(
            number,
            taken.architecture,
            outcome,
            budget_ms=problem.limit_ms,
            started=started,
            params=taken.trial.params,
        )
        chance = 1 / problem.data.num_classes
        if not tell(study, taken.trial, outcome, row=row, limit_ms=problem.limit_ms, chance=chance):
            display.phase(f"trial {number} had been given to another worker, which believed this one lost")

    return work


def judging_again(judge: Judge, *, num_more: int) -> Judge:
    """Return what judges a candidate anew, measurement and all, where its failure may pass.

    Memory that others use, an error of a device or a disk, a crash: whether they come again only another try
    tells. Why there was one stays in the outcome's cause.

    Args:
        judge: Judges once.
        num_more: Times it is tried again, at most.
    """

    def judged(
        architecture: Architecture, peers: Sequence[Peer], on_epoch: Callable[[EpochRecord], None]
    ) -> Outcome:
        outcome = judge(architecture, peers, on_epoch)
        for _ in range(num_more):
            if not outcome.may_pass:
                break
            outcome = _after(outcome, judge(architecture, peers, on_epoch))
        return outcome

    return judged


def _after(failed: Outcome, again: Outcome) -> Outcome:
    """Return the outcome of another try, with what it was made for and the time both took."""
    if again.cause is None:
        again.cause = f"tried again after {failed.cause}"
    elif again.cause != failed.cause:
        again.cause = f"{again.cause}; before that {failed.cause}"
    again.measure_seconds += failed.measure_seconds
    again.train_seconds += failed.train_seconds
    return again


def judge_here(problem: Problem) -> Judge:
    """Return what judges candidates in this process."""

    def judge(
        architecture: Architecture, peers: Sequence[Peer], on_epoch: Callable[[EpochRecord], None]
    ) -> Outcome:
        try:
            return try_candidate(
                architecture, problem, seed=problem.config.seed, peers=peers, on_epoch=on_epoch
            )
        except SystemExit as error:
            return Outcome(cause=cause_of(error))

    return judge


@contextmanager
def judging(problem: Problem, conditions: Conditions) -> Iterator[Judge]:
    """Keep what judges candidates inside the block: this process, or one that may die."""
    if not conditions.is_isolated:
        yield judge_here(problem)
        return
    with IsolatedJudge(problem, silence_seconds=conditions.silence_seconds) as judge:
        yield judge
