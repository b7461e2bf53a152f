"""What training-free proxies add to the multiply-adds, on a conditional space with real trainings.

    python -m benchmarks.proxies --data digits [--candidates 40] [--recipe quick] [--name proxies_digits]

Candidates of the preset `tiny` are drawn at random and trained, each from one seed. From all others, each is
predicted by a straight line through the logarithm of its multiply-adds, and through that and a proxy; then by
the Gaussian process that a search learns accuracy by, which sees the choices as well. A row tells the rank
correlation of the prediction with the accuracy reached. One core, one to twenty seconds a candidate.
"""

import argparse
from collections.abc import Callable, Sequence
from itertools import pairwise
from math import log
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.stats import spearmanr

from benchmarks.record import record
from millinet.data import DataSet, load_data
from millinet.training import fit, recipe_of
from nas.candidate import build
from nas.encoding import Encoder
from nas.evidence import Evidence
from nas.proxies import PROXIES
from nas.surrogate import GaussianProcess, Points
from search_spaces import Points as SpacePoints
from search_spaces import load_space

Floats = NDArray[np.float64]
Predict = Callable[[NDArray[np.int64], NDArray[np.int64]], Floats]
NUM_FOLDS = 10
NUM_SHUFFLES = 5


class Trained(NamedTuple):
    """A candidate with what it said before and reached after training."""

    choices: dict[str, Any]
    log_macs: float
    scores: tuple[float, ...]
    accuracy: float


def trained(data: DataSet, *, count: int, recipe: str, seed: int) -> list[Trained]:
    """Draw, score and train candidates of the space."""
    channels, height, width = data.input_shape
    space = load_space("tiny", in_channels=channels, num_classes=data.num_classes, resolution=(height, width))
    points, evidence = SpacePoints(space), Evidence(list(PROXIES), data, seed=seed)
    rng = np.random.default_rng(seed)
    found = []
    for number in range(count):
        architecture = space.sample(rng)
        scores = evidence(architecture)
        if scores is None:
            raise SystemExit(f"{architecture} could not be scored")
        fitted = fit(build(architecture, seed=seed), data, recipe_of(recipe), device="cpu", seed=seed)
        point = points.locate(space.params(architecture))
        one = Trained(points.choices(point), log(architecture.tally().macs), scores, fitted.best_accuracy)
        print(number, f"{one.accuracy:.4f}  {fitted.seconds:.1f} s  {architecture}", flush=True)
        found.append(one)
    return found


def by_line(features: Floats, targets: Floats) -> Predict:
    """Predict by least squares."""
    columns = np.column_stack([np.ones(len(features)), features])

    def predict(known: NDArray[np.int64], asked: NDArray[np.int64]) -> Floats:
        weights = np.linalg.lstsq(columns[known], targets[known], rcond=None)[0]
        return columns[asked] @ weights

    return predict


def by_process(candidates: Sequence[Trained], features: Floats, targets: Floats) -> Predict:
    """Predict by the Gaussian process of a search."""
    encoder = Encoder()
    for one in candidates:
        encoder.learn(one.choices)
    bits = encoder.encode([(number, one.choices) for number, one in enumerate(candidates)])
    points = Points(bits, features)

    def predict(known: NDArray[np.int64], asked: NDArray[np.int64]) -> Floats:
        def part(chosen: NDArray[np.int64]) -> Points:
            return Points(points.bits[chosen], points.features[chosen])

        process = GaussianProcess().learn(part(known), encoder.layout, targets[known])
        return process.predict(part(asked))[0]

    return predict


def correlation(predict: Predict, targets: Floats) -> float:
    """Return the rank correlation of what is predicted from the others, over folds drawn several times."""
    found = []
    for shuffle in range(NUM_SHUFFLES):
        order = np.random.default_rng(shuffle).permutation(len(targets))
        ends = np.linspace(0, len(order), NUM_FOLDS + 1).astype(int)
        predicted = np.empty(len(targets))
        for first, last in pairwise(ends):
            asked = order[first:last]
            predicted[asked] = predict(np.setdiff1d(order, asked), asked)
        found.append(float(spearmanr(predicted, targets).statistic))
    return float(np.mean(found))


def rows_of(candidates: Sequence[Trained]) -> list[dict[str, Any]]:
    """Return a row a set of features: none but the multiply-adds, each proxy beside them, all of them."""
    accuracies = np.array([one.accuracy for one in candidates])
    regrets = accuracies.max() - accuracies
    targets = -np.log(regrets + max(0.05 * float(np.median(regrets)), 1e-6))
    every = np.array([(one.log_macs, *one.scores) for one in candidates])
    middle, (low, high) = np.median(every, axis=0), np.quantile(every, [0.25, 0.75], axis=0)
    scaled = np.clip((every - middle) / np.maximum((high - low) / 1.35, 1e-9), -3.0, 3.0)
    sets = {"log_macs": [0]}
    sets |= {f"log_macs {name}": [0, 1 + place] for place, name in enumerate(PROXIES)}
    sets |= {"log_macs " + " ".join(PROXIES): list(range(every.shape[1]))}
    return [
        {
            "features": name,
            "alone": float(spearmanr(every[:, columns[-1]], accuracies).statistic),
            "by_line": correlation(by_line(scaled[:, columns], targets), targets),
            "by_process": correlation(by_process(candidates, scaled[:, columns], targets), targets),
        }
        for name, columns in sets.items()
    ]


def main() -> None:
    """Train the candidates and write how well each set of features predicts them."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", default="digits")
    parser.add_argument("--candidates", type=int, default=40)
    parser.add_argument("--recipe", default="quick")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--name", default="proxies_digits", help="name of the file in benchmarks/results")
    options = parser.parse_args()
    torch.set_num_threads(1)
    data = load_data(options.data, seed=options.seed)
    candidates = trained(data, count=options.candidates, recipe=options.recipe, seed=options.seed)
    summary = {
        "num_candidates": len(candidates),
        "recipe": options.recipe,
        "least_accuracy": min(one.accuracy for one in candidates),
        "most_accuracy": max(one.accuracy for one in candidates),
    }
    rows = rows_of(candidates)
    rows += [one._asdict() | {"scores": dict(zip(PROXIES, one.scores, strict=True))} for one in candidates]
    record(options.name, rows, seeds=[options.seed], summary=summary)


if __name__ == "__main__":
    main()
