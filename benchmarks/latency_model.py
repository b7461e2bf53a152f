"""How well do 50 measurements rank a space? Fits latency models to them and predicts other candidates.

Beside the model of nas.latency_model: the same not told of parameters; a ridge regression on one-hot choices,
alone and in pairs of one position, with MACs and parameters and their logarithms, its penalty chosen by
leave-one-out; and MACs alone.
Each figure is the mean over ten random choices of the 50. Nothing is predicted better than it was measured,
so the half-width of the measurements stands beside.

    python -m benchmarks.latency_model --space tiny --candidates 150      # about 3 minutes; --device cuda
"""

import argparse
from collections.abc import Callable, Sequence
from functools import partial
from itertools import combinations
from statistics import fmean, median
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.stats import spearmanr
from sklearn.feature_extraction import DictVectorizer
from sklearn.linear_model import RidgeCV

from benchmarks.record import record
from millinet.device import set_threads
from millinet.latency import LatencyMeter, LatencySettings
from nas.latency_model import LatencyModel
from nas.surrogate import Points as Encoded
from search_spaces import Architecture, SearchSpace, load_space

Predicted = tuple[NDArray[np.float64], float | None]
"""Milliseconds, and the share of 90% intervals that held the measured value where there are intervals."""
Predictor = Callable[[SearchSpace, Sequence[Architecture], NDArray[np.float64], int], Predicted]

ALPHAS: Final = np.logspace(-3, 2, 11)
PAIR_WEIGHT: Final = 0.3
LOG_SIZE_WEIGHT: Final = 3.0
NUM_SPLITS: Final = 10


class _ByMacs(LatencyModel):
    """The model of the search, not told of parameters."""

    def _encode(self, architectures: Sequence[Architecture]) -> Encoded:
        encoded = super()._encode(architectures)
        return encoded._replace(features=encoded.features[:, :1])


def own(
    space: SearchSpace,
    architectures: Sequence[Architecture],
    latencies: NDArray[np.float64],
    known: int,
    *,
    kind: type[LatencyModel] = LatencyModel,
) -> Predicted:
    """Predict the rest from the first `known` by the model of the search."""
    model = kind(space, architectures[:known], latencies[:known].tolist())
    found = model.predict(architectures[known:], confidence=0.9)
    covered = fmean(one.low <= ms <= one.high for one, ms in zip(found, latencies[known:], strict=True))
    return np.array([one.estimate for one in found]), covered


def ridge(
    space: SearchSpace, architectures: Sequence[Architecture], latencies: NDArray[np.float64], known: int
) -> Predicted:
    """Predict the rest by ridge regression of log-latency."""
    rows = DictVectorizer(sparse=False).fit_transform([_facts(space, one) for one in architectures])
    fitted = RidgeCV(alphas=ALPHAS).fit(rows[:known], np.log(latencies[:known]))
    return np.exp(fitted.predict(rows[known:])), None


def by_macs(
    _: SearchSpace, architectures: Sequence[Architecture], __: NDArray[np.float64], known: int
) -> Predicted:
    """Rank the rest by multiply-adds; what it returns are no milliseconds."""
    return np.array([float(one.tally().macs) for one in architectures[known:]]), None


PREDICTORS: Final[dict[str, Predictor]] = {
    "nas.latency_model": own,
    "the same without parameters": partial(own, kind=_ByMacs),
    "ridge": ridge,
    "MACs alone": by_macs,
}


def _facts(space: SearchSpace, architecture: Architecture) -> dict[str, float]:
    point, tally = space.params(architecture), architecture.tally()
    row = {f"{name}={value}": 1.0 for name, value in point.items()}
    for (name, value), (other, its) in combinations(sorted(point.items()), 2):
        if name.partition(".")[0] == other.partition(".")[0]:
            row[f"{name}={value}&{other}={its}"] = PAIR_WEIGHT
    for name, size in (("macs", tally.macs), ("parameters", tally.parameters)):
        row[name], row[f"log {name}"] = size / 1e6, LOG_SIZE_WEIGHT * float(np.log(size))
    return row


def judged(
    name: str,
    space: SearchSpace,
    architectures: Sequence[Architecture],
    latencies: NDArray[np.float64],
    known: int,
) -> dict[str, Any]:
    """Return one row: the means over random choices of what is known."""
    found: dict[str, list[float]] = {"spearman": [], "within_10pct": [], "covered_at_90pct": []}
    for seed in range(NUM_SPLITS):
        order = np.random.default_rng(seed).permutation(len(latencies))
        shuffled = [architectures[at] for at in order]
        predicted, covered = PREDICTORS[name](space, shuffled, latencies[order], known)
        truth = latencies[order][known:]
        found["spearman"].append(float(spearmanr(predicted, truth).statistic))
        if name != "MACs alone":
            found["within_10pct"].append(float(np.mean(np.abs(predicted / truth - 1) <= 0.1)))
        if covered is not None:
            found["covered_at_90pct"].append(covered)
    counted = {"model": name, "measured": known, "predicted": len(latencies) - known, "splits": NUM_SPLITS}
    return counted | {measure: fmean(values) for measure, values in found.items() if values}


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--space", default="tiny")
    parser.add_argument("--candidates", type=int, default=150)
    parser.add_argument("--measured", type=int, default=50)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--name", default="latency_model", help="file of the results")
    asked = parser.parse_args()
    set_threads(1)
    rng = np.random.default_rng(asked.seed)
    space = load_space(asked.space, in_channels=1, num_classes=10, resolution=(8, 8))
    architectures = [space.sample(rng) for _ in range(asked.candidates)]
    example = torch.randn(1, 1, 8, 8, generator=torch.Generator().manual_seed(asked.seed))
    with LatencyMeter(asked.device, LatencySettings(half_width=0.05, max_visits=8)) as meter:
        found = [meter.measure(one.build(), example) for one in architectures]
    latencies = np.array([one.median_ms for one in found])
    rows = [judged(name, space, architectures, latencies, asked.measured) for name in PREDICTORS]
    summary = {
        "share_of_measurements_ok": fmean(one.status == "ok" for one in found),
        "half_width_of_measurements": median(one.half_width for one in found),
    }
    record(asked.name, rows, seeds=[asked.seed], device=asked.device, summary=summary)


if __name__ == "__main__":
    main()
