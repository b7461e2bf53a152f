"""How fast samplers find the front of accuracy against latency, on the table of 15,625 networks.

    python -m benchmarks.search_pareto --table nb201-hw.csv.gz [--seeds 5] [--trained 200] [--methods gated]

Each method trains what it proposes; there is no budget. After N trained networks the area its front dominates
is compared with that of the exact front of the table: error against the logarithm of latency, from the worst
corner of the table (90 percent error, the slowest network). 1 is the exact front.
"""

import argparse
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.record import record
from benchmarks.search_tabular import EDGES, NUM_OPERATIONS, Problem, load
from millinet.statistics import hypervolume, pareto_front
from nas.objectives import blend
from nas.observation import Observation
from nas.proposal import Proposer

DEVICES = ("raspi4", "titan_rtx_1", "eyeriss")
CHECKPOINTS = (25, 50, 100, 200)
NUM_PROBES = 32
WORST_ERROR = 0.9


def losses(problem: Problem) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Return error and log-latency of every network, shape (networks, 2)."""
    return np.stack([1.0 - problem.validation / 100, np.log(problem.latency_ms)], axis=1)


def gated(problem: Problem, rng: np.random.Generator) -> Iterator[int]:
    """Propose as `nas.samplers.gated` does for a front: each time by another blend of the losses."""
    every = losses(problem)
    proposer: Proposer[int] = Proposer(
        draw=problem.draw, edit=problem.edit, describe=problem.describe, log_limit=np.inf
    )
    probes = [
        (network, Observation(problem.describe(network), every[network, 1], is_proposed=False))
        for network in rng.permutation(len(problem.codes)).tolist()[:NUM_PROBES]
        if np.isfinite(every[network, 1])
    ]
    proposed: list[int] = []
    lost: list[tuple[int, Observation]] = []
    while True:
        blended = blend([every[network].tolist() for network in proposed], rng)
        known = [
            (network, Observation(problem.describe(network), every[network, 1], loss))
            for network, loss in zip(proposed, blended, strict=True)
        ]
        network = proposer.propose([*probes, *lost, *known], rng)
        yield network
        if np.isfinite(every[network, 1]):
            proposed.append(network)
        else:
            lost.append((network, Observation(problem.describe(network))))


def random_search(problem: Problem, rng: np.random.Generator) -> Iterator[int]:
    """Propose at random, none twice."""
    yield from rng.permutation(len(problem.codes)).tolist()


def optuna_search(problem: Problem, rng: np.random.Generator, *, name: str) -> Iterator[int]:
    """Propose by one of Optuna's samplers with two objectives, as a user would set it."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    seed = int(rng.integers(2**31))
    samplers = {"tpe": optuna.samplers.TPESampler, "nsga2": optuna.samplers.NSGAIISampler}
    study = optuna.create_study(directions=["minimize", "minimize"], sampler=samplers[name](seed=seed))
    every = losses(problem)
    while True:
        trial = study.ask()
        code = tuple(trial.suggest_categorical(edge, list(range(NUM_OPERATIONS))) for edge in EDGES)
        network = problem.index[code]
        yield network
        error, log_latency = every[network].tolist()
        study.tell(trial, [error, min(log_latency, 1e3)])


METHODS: dict[str, Callable[[Problem, np.random.Generator], Iterator[int]]] = {
    "gated": gated,
    "random": random_search,
    "tpe": partial(optuna_search, name="tpe"),
    "nsga2": partial(optuna_search, name="nsga2"),
}


def area(problem: Problem, networks: list[int]) -> float:
    """Return the area that networks dominate, from the worst corner of the table."""
    every = losses(problem)
    is_known = np.isfinite(every[:, 1])
    corner = (WORST_ERROR, float(every[is_known, 1].max()))
    points = [(float(every[one, 0]), float(every[one, 1])) for one in networks if is_known[one]]
    front = [points[index] for index in pareto_front(points)]
    return hypervolume(front, corner)


def run(method: str, problem: Problem, *, whole: float, seed: int, num_trained: int) -> dict[int, float]:
    """Return the share of the exact front's area, `whole`, that is reached at each checkpoint."""
    trained: list[int] = []
    reached: dict[int, float] = {}
    for network in METHODS[method](problem, np.random.default_rng(seed)):
        trained.append(network)
        if len(trained) in CHECKPOINTS:
            reached[len(trained)] = area(problem, trained) / whole
        if len(trained) >= num_trained:
            break
    return reached


def rows_of(method: str, table: pd.DataFrame, *, seeds: int, num_trained: int) -> Iterator[dict[str, Any]]:
    """Yield a row a checkpoint, the mean over devices and seeds."""
    runs = []
    for device in DEVICES:
        problem = load(table, device, 0.5)
        whole = area(problem, list(range(len(problem.codes))))
        runs += [
            run(method, problem, whole=whole, seed=seed, num_trained=num_trained) for seed in range(seeds)
        ]
    for count in CHECKPOINTS:
        found = [reached[count] for reached in runs if count in reached]
        if found:
            yield {"method": method, "trained": count, "area_share": fmean(found), "runs": len(found)}


def main() -> None:
    """Run the methods and write what they reached."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--table", type=Path, required=True)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--trained", type=int, default=200)
    parser.add_argument("--methods", default=",".join(METHODS))
    options = parser.parse_args()
    table = pd.read_csv(options.table)
    rows = []
    for method in options.methods.split(","):
        for row in rows_of(method, table, seeds=options.seeds, num_trained=options.trained):
            print(row, flush=True)
            rows.append(row)
    record("search_pareto", rows, seeds=range(options.seeds))


if __name__ == "__main__":
    main()
