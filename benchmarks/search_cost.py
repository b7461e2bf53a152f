"""What a proposal costs when a study is long: ours beside Optuna's TPE, on one space, in one run.

    python -m benchmarks.search_cost [--space tiny] [--trials 1000,10000] [--proposals 9]

A study in memory is filled with random trials; then each sampler proposes on top of them. The first proposal
of a sampler reads the whole study and is told apart; the rest by their median. Run it on a machine at rest.
"""

import argparse
import time
from statistics import median
from typing import Any

import numpy as np
import optuna

from benchmarks.record import record
from nas.objectives import directions
from nas.records import ROW
from nas.samplers import SAMPLERS, SamplerContext
from search_spaces import SearchSpace, load_space

METHODS = ("gated", "tpe")


def filled(space: SearchSpace, num_trials: int) -> optuna.Study:
    """Make a study of random trials; one in ten is inside the budget, as far as the samplers can tell."""
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    study = optuna.create_study(
        directions=directions(["accuracy"]), sampler=optuna.samplers.RandomSampler(seed=0)
    )
    rng = np.random.default_rng(0)
    for _ in range(num_trials):
        trial = study.ask()
        macs = space.suggest(trial).tally().macs
        accuracy = float(rng.random())
        is_inside = bool(rng.random() < 0.1)
        trial.set_user_attr(ROW, {"accuracy": accuracy if is_inside else None, "latency_ms": macs / 1e6})
        trial.set_constraint("latency", -0.1 if is_inside else 0.5)
        study.tell(trial, accuracy)
    return study


def row_of(name: str, space: SearchSpace, study: optuna.Study, *, num_proposals: int) -> dict[str, Any]:
    """Let a sampler propose on top of a study; the proposals are told as failed."""
    num_trials = len(study.trials)
    study.sampler = SAMPLERS[name](
        SamplerContext(seed=0, space=space, limit_ms=5.0, num_trials=num_trials, num_told=num_trials)
    )
    spent = []
    for _ in range(1 + num_proposals):
        began = time.perf_counter()
        trial = study.ask()
        space.suggest(trial)
        spent.append(1e3 * (time.perf_counter() - began))
        study.tell(trial, state=optuna.trial.TrialState.FAIL)
    return {
        "method": name,
        "space": space.name,
        "trials": num_trials,
        "first_ms": spent[0],
        "median_ms": median(spent[1:]),
        "slowest_ms": max(spent[1:]),
        "proposals": num_proposals,
    }


def main() -> None:
    """Fill studies, time the samplers, write what they took."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--space", default="tiny")
    parser.add_argument("--trials", default="1000,10000")
    parser.add_argument("--proposals", type=int, default=9)
    options = parser.parse_args()
    space = load_space(options.space)
    rows = []
    for num_trials in (int(text) for text in options.trials.split(",")):
        study = filled(space, num_trials)
        rows += [row_of(name, space, study, num_proposals=options.proposals) for name in METHODS]
    record(f"search_cost_{space.name}", rows)


if __name__ == "__main__":
    main()
