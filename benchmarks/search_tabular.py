"""How few networks a search has to train: samplers on a table of 15,625 networks.

    python -m benchmarks.search_tabular --table nb201-hw.csv.gz [--seeds 5] [--trained 300] [--methods gated]
        [--images c100] [--cells seven] [--name search_tabular] [--runs FOLDER]

The table is NAS-Bench-201 with measured latencies. A cell is a device and a budget at a percentile of its
latencies; `--cells rest` takes those that are not among the seven usual ones, `--images c10` CIFAR-10. Each
method proposes until it has trained N networks inside the budget; latency measurements are counted apart.
Regret is in points of accuracy to the best network inside the budget: the validation regret of the best one
trained, and the test regret of that choice. With --runs each finished run is kept there, and a later call
goes on after it.
"""

import argparse
import json
import warnings
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from math import log
from pathlib import Path
from statistics import fmean
from typing import Any, Literal, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from benchmarks.record import record
from millinet.files import write_text
from nas.observation import Description, Observation
from nas.promise import PromiseConfig
from nas.proposal import Proposer, SpaceExhaustedError
from nas.second_look import SecondLook

EDGES = ("e01", "e02", "e12", "e03", "e13", "e23")
NUM_OPERATIONS = 5
SHARES = (0.10, 0.25, 0.50)
CELLS = (
    *((device, share) for device in ("raspi4", "titan_rtx_1") for share in SHARES),
    ("eyeriss", 0.25),
)
REST = (
    *((device, share) for device in ("gold_6240", "pixel3") for share in SHARES),
    *(("eyeriss", share) for share in (0.10, 0.50)),
)
CHOSEN = {"seven": CELLS, "rest": REST}
IMAGES = ("c10", "c100")
CHECKPOINTS = (25, 50, 100, 200, 300)
NUM_PROBES = 150
MAX_MEASURED = 650


class Problem(NamedTuple):
    """One cell of the table."""

    codes: NDArray[np.int64]
    """Operation of each edge, shape (networks, 6)."""
    index: dict[tuple[int, ...], int]
    """Row of each code."""
    functions: NDArray[np.int64]
    """Isomorphism class."""
    features: NDArray[np.float64]
    """Log-MACs and the clipped training-free score, shape (networks, 2)."""
    latency_ms: NDArray[np.float64]
    validation: NDArray[np.float64]
    test: NDArray[np.float64]
    limit_ms: float
    usual: NDArray[np.float64]
    """Validation accuracy, the mean over the networks of the same isomorphism class."""

    def draw(self, rng: np.random.Generator) -> int:
        return int(rng.integers(len(self.codes)))

    def edit(self, network: int, rng: np.random.Generator) -> int:
        code = self.codes[network].copy()
        edge = int(rng.integers(len(EDGES)))
        code[edge] = (code[edge] + 1 + int(rng.integers(NUM_OPERATIONS - 1))) % NUM_OPERATIONS
        return self.index[tuple(code)]

    def describe(self, network: int) -> Description:
        choices = dict(zip(EDGES, map(str, self.codes[network].tolist()), strict=True))
        features = tuple(self.features[network].tolist())
        return Description(network, choices, features, function=int(self.functions[network]))


def load(table: pd.DataFrame, device: str, share: float, *, images: str = "c100") -> Problem:
    """Cut one cell out of the table; failed measurements of the source (under 0.3 ms) are left out of it."""
    latency_ms = table[f"lat_{device}"].to_numpy(float)
    is_measured = latency_ms >= (0.3 if device in ("raspi4", "pixel3") else 0.0)
    latency_ms = np.where(is_measured, latency_ms, np.inf)
    score = table[f"naswot_{images}"].to_numpy(float)
    floor = np.quantile(score[np.isfinite(score)], 0.05)
    codes = table[list(EDGES)].to_numpy()
    return Problem(
        codes=codes,
        index={tuple(code): row for row, code in enumerate(codes.tolist())},
        functions=table["iso"].to_numpy(),
        features=np.stack([np.log(table["flops_c10"]), np.maximum(score, floor)], axis=1),
        latency_ms=latency_ms,
        validation=table[f"{images}_val"].to_numpy(float),
        test=table[f"{images}_test"].to_numpy(float),
        limit_ms=float(np.quantile(latency_ms[is_measured], share)),
        usual=table.groupby("iso")[f"{images}_val"].transform("mean").to_numpy(float),
    )


class Cell(NamedTuple):
    """A device, a percentile of its latencies, and the images."""

    device: str
    share: float
    images: str = "c100"

    @property
    def name(self) -> str:
        """The cell as a part of a file's name."""
        return f"{self.images}-{self.device}-{self.share:g}"

    def cut(self, table: pd.DataFrame) -> Problem:
        """Cut the cell out of the table."""
        return load(table, self.device, self.share, images=self.images)


Regrets = dict[int, tuple[float, ...]]
"""After so many trained networks: regret on validation, on test, on classes, and latency measurements."""


class Ledger:
    """What one run has measured and trained."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        self.measured: set[int] = set()
        self.trained: list[int] = []
        self.regrets: Regrets = {}

    def measure(self, network: int) -> bool:
        """Measure a network; tell whether it meets the budget."""
        self.measured.add(network)
        return bool(self.problem.latency_ms[network] <= self.problem.limit_ms)

    def note(self, count: int) -> None:
        """Note the regrets as those after `count` trained networks."""
        problem = self.problem
        inside = problem.latency_ms <= problem.limit_ms
        best = max(self.trained, key=lambda network: problem.validation[network])
        self.regrets[count] = (
            float(problem.validation[inside].max() - problem.validation[best]),
            float(problem.test[inside].max() - problem.test[best]),
            float(problem.usual[inside].max() - problem.usual[self.trained].max()),
            len(self.measured),
        )


Scored = Literal["pool", "shortlist", "none"]
"""Whose training-free scores are looked at: those of all candidates, of the most promising, of none."""


def gated(
    ledger: Ledger, rng: np.random.Generator, *, is_told_functions: bool = True, scored: Scored = "pool"
) -> Iterator[int]:
    """Propose as `nas.samplers.gated` does, after the probes, until it has measured its fill."""
    problem = ledger.problem
    promise = PromiseConfig()

    def describe(network: int) -> Description:
        described = problem.describe(network)
        log_macs, score = described.features
        features = (log_macs, score) if scored == "pool" else (log_macs,)
        function = described.function if is_told_functions else None
        return described._replace(features=features, function=function)

    def evidence(network: int) -> tuple[float, ...]:
        return (float(problem.features[network, 1]),)

    known: list[tuple[int, Observation]] = []
    for network in rng.permutation(len(problem.codes)).tolist()[:NUM_PROBES]:
        if np.isfinite(problem.latency_ms[network]):
            ledger.measure(network)
            latency = log(problem.latency_ms[network])
            known.append((network, Observation(describe(network), latency, is_proposed=False)))
    proposer: Proposer[int] = Proposer(
        draw=problem.draw,
        edit=problem.edit,
        describe=describe,
        log_limit=log(problem.limit_ms),
        promise=promise,
    )
    second_look = SecondLook(evidence, promise) if scored == "shortlist" else None
    while len(ledger.measured) < MAX_MEASURED:
        try:
            network = proposer.propose(known, rng, second_look=second_look)
        except SpaceExhaustedError:
            return
        yield network
        description = describe(network)
        if not np.isfinite(problem.latency_ms[network]):
            known.append((network, Observation(description)))
            continue
        inside = problem.latency_ms[network] <= problem.limit_ms
        loss = 1.0 - problem.validation[network] / 100 if inside else None
        latency = log(problem.latency_ms[network])
        known.append((network, Observation(description, latency, loss, evidence=evidence(network))))


def random_search(ledger: Ledger, rng: np.random.Generator) -> Iterator[int]:
    """Propose at random, behind the gate."""
    yield from rng.permutation(len(ledger.problem.codes)).tolist()


def evolution(
    ledger: Ledger, rng: np.random.Generator, *, population: int = 20, sample: int = 5
) -> Iterator[int]:
    """Propose by regularised evolution (Real et al., 2019), behind the gate."""
    problem = ledger.problem
    while True:
        recent = ledger.trained[-population:]
        if len(recent) < population:
            yield problem.draw(rng)
            continue
        drawn = rng.choice(recent, size=sample, replace=False).tolist()
        parent = max(drawn, key=lambda network: problem.validation[network])
        yield problem.edit(parent, rng)


def local_search(ledger: Ledger, rng: np.random.Generator) -> Iterator[int]:
    """Propose the neighbours of the best, from random restarts, behind the gate (White et al., 2021)."""
    problem = ledger.problem
    while True:
        start = len(ledger.trained)
        while len(ledger.trained) == start:
            yield problem.draw(rng)
        best = ledger.trained[-1]
        is_better = True
        while is_better:
            is_better = False
            for move in rng.permutation(len(EDGES) * (NUM_OPERATIONS - 1)).tolist():
                edge, shift = divmod(move, NUM_OPERATIONS - 1)
                code = problem.codes[best].copy()
                code[edge] = (code[edge] + 1 + shift) % NUM_OPERATIONS
                yield problem.index[tuple(code)]
                newest = ledger.trained[-1]
                if problem.validation[newest] > problem.validation[best]:
                    best, is_better = newest, True
                    break


def optuna_search(ledger: Ledger, rng: np.random.Generator, *, name: str) -> Iterator[int]:
    """Propose by one of Optuna's samplers with a constraint, as a user would set it."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    seed = int(rng.integers(2**31))
    samplers = {
        "tpe": optuna.samplers.TPESampler,
        "nsga2": optuna.samplers.NSGAIISampler,
        "gp": optuna.samplers.GPSampler,
    }
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        study = optuna.create_study(direction="maximize", sampler=samplers[name](seed=seed))
    problem = ledger.problem
    while True:
        trial = study.ask()
        code = tuple(trial.suggest_categorical(edge, list(range(NUM_OPERATIONS))) for edge in EDGES)
        network = problem.index[code]
        latency_ms = problem.latency_ms[network]
        trial.set_constraint("latency", min(latency_ms / problem.limit_ms - 1.0, 1e6))
        yield network
        study.tell(trial, float(problem.validation[network]))


METHODS: dict[str, Callable[[Ledger, np.random.Generator], Iterator[int]]] = {
    "gated": gated,
    "gated_networks": partial(gated, is_told_functions=False),
    "gated_shortlist": partial(gated, scored="shortlist"),
    "gated_unscored": partial(gated, scored="none"),
    "random_gate": random_search,
    "evolution_gate": evolution,
    "local_gate": local_search,
    "tpe_gate": partial(optuna_search, name="tpe"),
    "tpe": partial(optuna_search, name="tpe"),
    "nsga2": partial(optuna_search, name="nsga2"),
    "gp": partial(optuna_search, name="gp"),
}


NAIVE = ("tpe", "nsga2", "gp")
"""Methods that learn of the latency only after training."""


def run(method: str, problem: Problem, *, seed: int, num_trained: int) -> Ledger:
    """Let a method propose until it has trained so many networks.

    Behind a gate only a network inside the budget, and only the first of its isomorphism class, is trained;
    `gated_networks` is not told of classes and trains every network once. A method without a gate trains
    whatever it proposes, so each proposal counts.
    """
    ledger = Ledger(problem)
    is_naive = method in NAIVE
    learnt: set[int] = set()
    cost = 0
    for step, network in enumerate(METHODS[method](ledger, np.random.default_rng(seed))):
        function = network if method == "gated_networks" else int(problem.functions[network])
        is_trained = ledger.measure(network) and function not in learnt
        if is_trained:
            learnt.add(function)
            ledger.trained.append(network)
        cost += is_naive or is_trained
        if cost in CHECKPOINTS and cost not in ledger.regrets and ledger.trained:
            ledger.note(cost)
        if cost >= num_trained or step > 100 * num_trained:
            break
    for count in CHECKPOINTS:
        if cost < count <= num_trained and ledger.trained:
            ledger.note(count)
    return ledger


def kept_run(
    method: str, cell: Cell, table: pd.DataFrame, *, seed: int, num_trained: int, runs: Path | None
) -> Regrets:
    """Return the regrets of one run: read, where it was kept, or made."""
    path = None if runs is None else runs / f"{method}-{cell.name}-{num_trained}-{seed}.json"
    if path is not None and path.exists():
        return {int(count): tuple(values) for count, values in json.loads(path.read_text()).items()}
    regrets = run(method, cell.cut(table), seed=seed, num_trained=num_trained).regrets
    if path is not None:
        write_text(path, json.dumps(regrets))
    return regrets


def rows_of(
    method: str, cells: Sequence[Cell], table: pd.DataFrame, options: argparse.Namespace
) -> Iterator[dict[str, Any]]:
    """Yield a row a checkpoint, the mean over cells and seeds."""
    reached = [
        kept_run(method, cell, table, seed=seed, num_trained=options.trained, runs=options.runs)
        for seed in range(options.seeds)
        for cell in cells
    ]
    for count in CHECKPOINTS:
        found = [regrets[count] for regrets in reached if count in regrets]
        if found:
            validation, test, function, measured = (fmean(values) for values in zip(*found, strict=True))
            yield {
                "method": method,
                "trained": count,
                "validation_regret": validation,
                "test_regret": test,
                "function_regret": function,
                "latency_measurements": measured,
                "runs": len(found),
            }


def regret_of_firsts(problem: Problem, *, repeats: int = 200) -> float:
    """Return the validation regret left where one network of every class inside the budget is trained.

    The networks of a class differ by the noise of their training, so whoever trains one of each pays this.
    """
    rng = np.random.default_rng(0)
    inside = np.flatnonzero(problem.latency_ms <= problem.limit_ms)
    validation = problem.validation[inside]
    left = []
    for order in (rng.permutation(len(inside)) for _ in range(repeats)):
        firsts = np.unique(problem.functions[inside][order], return_index=True)[1]
        left.append(float(validation.max() - validation[order][firsts].max()))
    return fmean(left)


def main() -> None:
    """Run the methods and write what they reached."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--table", type=Path, required=True)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--trained", type=int, default=300)
    parser.add_argument("--methods", default=",".join(METHODS))
    parser.add_argument("--images", choices=IMAGES, default="c100")
    parser.add_argument("--cells", choices=list(CHOSEN), default="seven")
    parser.add_argument("--name", default="search_tabular", help="name of the file in benchmarks/results")
    parser.add_argument("--runs", type=Path, help="folder of finished runs")
    options = parser.parse_args()
    if options.runs is not None:
        options.runs.mkdir(parents=True, exist_ok=True)
    table = pd.read_csv(options.table)
    cells = [Cell(device, share, options.images) for device, share in CHOSEN[options.cells]]
    rows = []
    for method in options.methods.split(","):
        for row in rows_of(method, cells, table, options):
            print(row, flush=True)
            rows.append(row)
    least = fmean(regret_of_firsts(cell.cut(table)) for cell in cells)
    summary = {"cells": [cell.name for cell in cells], "regret_of_one_a_class": least}
    record(options.name, rows, seeds=range(options.seeds), summary=summary)


if __name__ == "__main__":
    main()
