"""What the settings of a proposal are worth, one step at a time, on histories that no setting made.

    python -m benchmarks.search_step --table nb201-hw.csv.gz [--seeds 100,101]

Evolution behind a gate trains 40 and 80 networks of a cell of the table (benchmarks/search_tabular.py). Each
setting of `nas.promise` is then told of them and of 150 probes, and values all networks that are left. Told
are the regret, in points of the mean accuracy of an isomorphism class, after the 5, 20 and 80 most promising,
and how many of the 20 meet the budget. One step says in a second what whole searches say in minutes and with
more noise. The seeds are not those that searches are reported on.
"""

import argparse
from collections.abc import Iterator
from math import log
from pathlib import Path
from statistics import fmean
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from benchmarks.record import record
from benchmarks.search_tabular import CELLS, NUM_PROBES, Problem, load, run
from nas.observation import Observation
from nas.promise import Promise, PromiseConfig

CHECKPOINTS = (40, 80)
SHORTLISTS = (5, 20, 80)
WATCHED = 20
SETTINGS: Final = {
    "as it is": PromiseConfig(),
    "offset 0.01": PromiseConfig(regret_offset=0.01),
    "offset 0.05": PromiseConfig(regret_offset=0.05),
    "offset 0.2": PromiseConfig(regret_offset=0.2),
    "offset 1": PromiseConfig(regret_offset=1.0),
    "threshold 0.1": PromiseConfig(min_probability=0.1),
    "threshold 0.75": PromiseConfig(min_probability=0.75),
}


def told(problem: Problem, trained: list[int], probes: list[int]) -> list[Observation]:
    """Return what a search would know of the networks trained and of the probes."""
    return [
        Observation(
            problem.describe(network),
            log(problem.latency_ms[network]),
            1.0 - problem.validation[network] / 100 if is_trained else None,
            is_proposed=is_trained,
        )
        for networks, is_trained in ((probes, False), (trained, True))
        for network in networks
    ]


def most_promising(
    problem: Problem, values: NDArray[np.float64], networks: list[int], count: int
) -> list[int]:
    """Return the networks of highest value, one of each isomorphism class."""
    found: dict[int, int] = {}
    for place in np.argsort(-values).tolist():
        found.setdefault(int(problem.functions[networks[place]]), networks[place])
        if len(found) == count:
            break
    return list(found.values())


def steps(
    table: pd.DataFrame, device: str, share: float, *, seed: int
) -> Iterator[tuple[str, int, list[float]]]:
    """Yield the setting, the number trained, and what the step brings."""
    problem = load(table, device, share)
    inside = problem.latency_ms <= problem.limit_ms
    best = problem.usual[inside].max()
    order = run("evolution_gate", problem, seed=seed, num_trained=max(CHECKPOINTS)).trained
    drawn = np.random.default_rng(seed).permutation(len(problem.codes))[:NUM_PROBES].tolist()
    probes = [network for network in drawn if np.isfinite(problem.latency_ms[network])]
    for count in CHECKPOINTS:
        trained = order[:count]
        is_left = np.isfinite(problem.latency_ms) & ~np.isin(problem.functions, problem.functions[trained])
        left = np.flatnonzero(is_left).tolist()
        described = [problem.describe(network) for network in left]
        observed = told(problem, trained, probes)
        for name, setting in SETTINGS.items():
            promise = Promise(log_limit=log(problem.limit_ms), config=setting)
            values = promise.learn(observed, described, np.random.default_rng(seed))(described)
            chosen = most_promising(problem, values, left, max(SHORTLISTS))
            accuracy = np.where(inside[chosen], problem.usual[chosen], 0.0)
            known = problem.usual[trained].max()
            regrets = [float(best - max(known, accuracy[:length].max())) for length in SHORTLISTS]
            yield name, count, [*regrets, float(inside[chosen[:WATCHED]].mean())]


def main() -> None:
    """Value the settings and write what they bring."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--table", type=Path, required=True)
    parser.add_argument("--seeds", default="100,101")
    options = parser.parse_args()
    seeds = [int(seed) for seed in options.seeds.split(",")]
    table = pd.read_csv(options.table)
    found: dict[tuple[str, int], list[list[float]]] = {}
    for seed in seeds:
        for device, share in CELLS:
            for name, count, brought in steps(table, device, share, seed=seed):
                found.setdefault((name, count), []).append(brought)
    rows: list[dict[str, Any]] = []
    for (name, count), steps_taken in found.items():
        *regrets, share_inside = (fmean(column) for column in zip(*steps_taken, strict=True))
        row = {f"regret_{length}": regret for length, regret in zip(SHORTLISTS, regrets, strict=True)}
        rows.append(
            {"setting": name, "trained": count, **row, "inside": share_inside, "runs": len(steps_taken)}
        )
    record("search_step", rows, seeds=seeds)


if __name__ == "__main__":
    main()
