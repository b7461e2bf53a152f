"""How samplers fare where the space is large and conditional: some 10^12 networks, the best of them known.

    python -m benchmarks.search_large [--seeds 5] [--trained 400] [--methods gated,tpe] [--timed]
    python -m benchmarks.search_large --problem 2027 --name search_large_fresh

Regret is the share of the way from the median feasible random network (1) to the best network inside the
budget (0) that is left after N trained networks. The budget is met by one random network in ten. A method
without a gate trains whatever it proposes. With --timed the processor time of the proposals alone is told,
which means something only on a machine at rest. The settings of `gated` were chosen on problem 2026.
"""

import argparse
import time
import warnings
from collections.abc import Callable, Iterator
from math import log
from statistics import fmean
from typing import Any, NamedTuple

import numpy as np

from benchmarks.conditional_space import (
    BLOCKS,
    COMMON,
    NUM_STAGES,
    OPTIONS,
    SIZE,
    Candidate,
    ConditionalSpace,
)
from benchmarks.record import record
from nas.observation import Observation
from nas.proposal import Proposer

CHECKPOINTS = (50, 100, 200, 400)
NUM_PROBES = 150
SHARE = 0.10


class Problem(NamedTuple):
    """The space with a budget and a scale of regret."""

    space: ConditionalSpace
    limit: float
    best: float
    median: float

    def is_inside(self, candidate: Candidate) -> bool:
        return self.space.cost(candidate) <= self.limit

    def regret(self, candidate: Candidate) -> float:
        return (self.best - self.space.utility(candidate)) / (self.best - self.median)


def make_problem(seed: int) -> Problem:
    """Set the budget at the tenth percentile of random networks; the seed decides what is good and slow."""
    space = ConditionalSpace(seed=seed)
    rng = np.random.default_rng(0)
    drawn = [space.draw(rng) for _ in range(20_000)]
    limit = float(np.quantile([space.cost(candidate) for candidate in drawn], SHARE))
    inside = [space.utility(candidate) for candidate in drawn if space.cost(candidate) <= limit]
    return Problem(space, limit, space.best(limit), float(np.median(inside)))


Told = list[tuple[Candidate, float]]
"""Networks trained so far, with their utility."""


def gated(problem: Problem, _: Told, rng: np.random.Generator) -> Iterator[Candidate]:
    """Propose as `nas.samplers.gated` does, after the probes."""
    space = problem.space

    def observed(candidate: Candidate, *, is_proposed: bool) -> Observation:
        loss = -space.utility(candidate) if is_proposed and problem.is_inside(candidate) else None
        cost = log(space.cost(candidate))
        return Observation(space.describe(candidate), cost, loss, is_proposed=is_proposed)

    probes = [space.draw(rng) for _ in range(NUM_PROBES)]
    known = [(candidate, observed(candidate, is_proposed=False)) for candidate in probes]
    proposer: Proposer[Candidate] = Proposer(
        draw=space.draw, edit=space.edit, describe=space.describe, log_limit=log(problem.limit)
    )
    while True:
        candidate = proposer.propose(known, rng)
        yield candidate
        known.append((candidate, observed(candidate, is_proposed=True)))


def random_search(problem: Problem, _: Told, rng: np.random.Generator) -> Iterator[Candidate]:
    """Propose at random, behind the gate."""
    while True:
        yield problem.space.draw(rng)


def evolution(problem: Problem, trained: Told, rng: np.random.Generator) -> Iterator[Candidate]:
    """Propose by regularised evolution (Real et al., 2019), behind the gate."""
    while True:
        recent = trained[-50:]
        if len(recent) < 50:
            yield problem.space.draw(rng)
            continue
        sample = [recent[index] for index in rng.choice(50, size=10, replace=False)]
        yield problem.space.edit(max(sample, key=lambda told: told[1])[0], rng)


def tpe(problem: Problem, _: Told, rng: np.random.Generator) -> Iterator[Candidate]:
    """Propose by Optuna's TPE, groups for the conditions, the budget as a constraint."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        sampler = optuna.samplers.TPESampler(seed=int(rng.integers(2**31)), multivariate=True, group=True)
    study = optuna.create_study(direction="maximize", sampler=sampler)
    while True:
        trial = study.ask()
        candidate = tuple(_suggested(trial, place) for place in range(NUM_STAGES))
        trial.set_constraint("latency", problem.space.cost(candidate) / problem.limit - 1.0)
        yield candidate
        study.tell(trial, problem.space.utility(candidate))


def _suggested(trial: Any, place: int) -> tuple[str, tuple[int, ...]]:
    block = trial.suggest_categorical(f"s{place}.block", BLOCKS)
    common = (trial.suggest_int(f"s{place}.{axis}", 0, count - 1) for axis, count in COMMON.items())
    own = (
        trial.suggest_categorical(f"s{place}.{block}.{axis}", tuple(range(count)))
        for axis, count in OPTIONS[block].items()
    )
    return block, (*common, *own)


METHODS: dict[str, Callable[[Problem, Told, np.random.Generator], Iterator[Candidate]]] = {
    "gated": gated,
    "random_gate": random_search,
    "evolution_gate": evolution,
    "tpe_gate": tpe,
    "tpe": tpe,
}


class Reached(NamedTuple):
    """Where a run stood after so many trained networks."""

    regret: float
    num_proposals: int
    num_over: int
    seconds: float


def run(method: str, problem: Problem, *, seed: int, num_trained: int) -> dict[int, Reached]:
    """Let a method propose until it has trained so many networks."""
    trained: Told = []
    reached: dict[int, Reached] = {}
    seen: set[Candidate] = set()
    cost = num_proposals = num_over = 0
    seconds, best = 0.0, np.inf
    proposals = METHODS[method](problem, trained, np.random.default_rng(seed))
    while cost < num_trained and num_proposals < 200 * num_trained:
        began = time.process_time()
        candidate = next(proposals)
        seconds += time.process_time() - began
        num_proposals += 1
        is_inside = problem.is_inside(candidate)
        num_over += not is_inside
        if is_inside and candidate not in seen:
            trained.append((candidate, problem.space.utility(candidate)))
            best = min(best, problem.regret(candidate))
            cost += method != "tpe"
        seen.add(candidate)
        cost += method == "tpe"
        if cost in CHECKPOINTS and cost not in reached and trained:
            reached[cost] = Reached(float(best), num_proposals, num_over, seconds)
    return reached


def rows_of(
    method: str, problem: Problem, *, seeds: int, num_trained: int, is_timed: bool
) -> Iterator[dict[str, Any]]:
    """Yield a row a checkpoint, the mean over seeds."""
    runs = [run(method, problem, seed=seed, num_trained=num_trained) for seed in range(seeds)]
    for count in CHECKPOINTS:
        found = [reached[count] for reached in runs if count in reached]
        if found:
            regrets = [one.regret for one in found]
            yield {
                "method": method,
                "trained": count,
                "regret": fmean(regrets),
                "regret_worst": max(regrets),
                "proposals": fmean(one.num_proposals for one in found),
                "over_budget": fmean(one.num_over for one in found),
                "runs": len(found),
            } | ({"ms_per_proposal": _ms_per_proposal(found)} if is_timed else {})


def _ms_per_proposal(found: list[Reached]) -> float:
    return 1e3 * fmean(one.seconds / one.num_proposals for one in found)


def main() -> None:
    """Run the methods and write what they reached."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--trained", type=int, default=400)
    parser.add_argument("--methods", default=",".join(METHODS))
    parser.add_argument("--problem", type=int, default=2026, help="seed of the constants of the space")
    parser.add_argument("--name", default="search_large", help="name of the file in benchmarks/results")
    parser.add_argument("--timed", action="store_true", help="tell what a proposal costs")
    options = parser.parse_args()
    problem = make_problem(options.problem)
    rows = []
    for method in options.methods.split(","):
        for row in rows_of(
            method, problem, seeds=options.seeds, num_trained=options.trained, is_timed=options.timed
        ):
            print(row, flush=True)
            rows.append(row)
    summary = {"networks": SIZE, "problem": options.problem, "best": problem.best}
    record(options.name, rows, seeds=range(options.seeds), summary=summary)


if __name__ == "__main__":
    main()
