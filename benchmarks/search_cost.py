"""What a proposal costs when a study is long: ours beside Optuna's samplers, on one space, in one run.

    python -m benchmarks.search_cost [--space convnet] [--trials 100,1000,10000] [--proposals 40]
        [--methods gated,tpe,nsga2,random]

A study in memory is filled with random trials, one in ten of them inside the budget by a made-up latency
that follows the multiply-adds; then each sampler proposes on top of them. The first proposal of a sampler
reads the whole study and, of `gated`, tunes the surrogates, which is done again whenever a tenth more is
known; it is told apart. Of the rest stand the median, the mean and the slowest, which holds a pass of the
garbage collector. Processor time; run it with one thread on a machine at rest.
"""

import argparse
import time
from statistics import fmean, median
from typing import Any

import numpy as np
import optuna

from benchmarks.record import record
from nas.objectives import directions
from nas.records import ROW
from nas.samplers import SAMPLERS, SamplerContext
from search_spaces import SearchSpace, load_space

METHODS = ("gated", "tpe", "nsga2", "random")
BUDGET_SHARE = 0.1
LIMIT_MS = 1.0


def filled(space: SearchSpace, num_trials: int) -> optuna.Study:
    """Make a study of random trials; one in ten is inside the budget."""
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    study = optuna.create_study(
        directions=directions(["accuracy"]), sampler=optuna.samplers.RandomSampler(seed=0)
    )
    rng = np.random.default_rng(0)
    usual = [space.sample(rng).tally().macs for _ in range(200)]
    unit = float(np.quantile(usual, BUDGET_SHARE))
    for _ in range(num_trials):
        trial = study.ask()
        latency_ms = LIMIT_MS * space.suggest(trial).tally().macs / unit
        accuracy = float(rng.random())
        is_inside = latency_ms <= LIMIT_MS
        trial.set_user_attr(ROW, {"accuracy": accuracy if is_inside else None, "latency_ms": latency_ms})
        trial.set_constraint("latency", latency_ms / LIMIT_MS - 1.0)
        study.tell(trial, accuracy)
    return study


def row_of(name: str, space: SearchSpace, study: optuna.Study, *, num_proposals: int) -> dict[str, Any]:
    """Let a sampler propose on top of a study; the proposals are told as failed."""
    num_trials = len(study.trials)
    study.sampler = SAMPLERS[name](
        SamplerContext(seed=0, space=space, limit_ms=LIMIT_MS, num_trials=num_trials, num_told=num_trials)
    )
    spent = []
    for _ in range(1 + num_proposals):
        began = time.process_time()
        trial = study.ask()
        space.suggest(trial)
        spent.append(1e3 * (time.process_time() - began))
        study.tell(trial, state=optuna.trial.TrialState.FAIL)
    return {
        "method": name,
        "space": space.name,
        "trials": num_trials,
        "first_ms": spent[0],
        "median_ms": median(spent[1:]),
        "mean_ms": fmean(spent[1:]),
        "slowest_ms": max(spent[1:]),
        "proposals": num_proposals,
    }


def main() -> None:
    """Fill studies, time the samplers, write what they took."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--space", default="convnet")
    parser.add_argument("--trials", default="100,1000,10000")
    parser.add_argument("--proposals", type=int, default=40)
    parser.add_argument("--methods", default=",".join(METHODS))
    options = parser.parse_args()
    space = load_space(options.space)
    rows = []
    for num_trials in (int(text) for text in options.trials.split(",")):
        for name in options.methods.split(","):
            # Each on a study of its own, for what another has proposed is part of its study.
            study = filled(space, num_trials)
            rows.append(row_of(name, space, study, num_proposals=options.proposals))
            print(rows[-1], flush=True)
    record(f"search_cost_{space.name}", rows)


if __name__ == "__main__":
    main()
