"""Three hundred images of 141 classes, and a searched network: half of ResNet-20's latency, recipe `small`.

    python -m benchmarks.small_data_search [--seeds 3] [--trials 8] [--space small] [--judge folds]

The images are those of `small_data`. Candidates are judged by the 45 validation images (`--judge split`, what
`millinet search` does) or by three stratified folds of the 300 images (`--judge folds`). The search begins
with vgg_small, a half and a quarter of it, where the space holds them. The network found is trained by the
recipe `small` and judged on the same 2,820 test images. On one core about three minutes a seed by the split,
six by folds. Latency only decides what may be trained, so that the accuracy hardly depends on the machine.
"""

import argparse
from collections.abc import Callable, Mapping
from typing import Any, Final

import torch

from benchmarks.record import record
from benchmarks.small_data import NUM_CLASSES, SHAPE, SMALL, narrowed, numbers
from millinet.data import DataSet
from millinet.errors import ConfigError
from millinet.statistics import mean_interval
from millinet.training import cross_validate, evaluate, fit
from nas import SearchConfig, search
from search_spaces import Architecture, SearchSpace, load_space

BUDGET: Final = "0.5x:resnet20"
SHARES: Final = (0.25, 0.5)
"""Widths of the plain networks that the search begins with, of vgg_small's."""


def by_split(architecture: Architecture, data: DataSet, seed: int) -> float:
    """Train once and return the validation accuracy, a fraction."""
    torch.manual_seed(seed)
    return fit(architecture.build(), data, SMALL, device="cpu", seed=seed).best_accuracy


def by_folds(architecture: Architecture, data: DataSet, seed: int) -> float:
    """Train three times and return the accuracy over all images that are not for the test."""
    return cross_validate(
        architecture.build, data, SMALL, num_folds=3, repeats=1, device="cpu", seed=seed
    ).interval.estimate


JUDGES: Final[Mapping[str, Callable[[Architecture, DataSet, int], float]]] = {
    "folds": by_folds,
    "split": by_split,
}


def searched(seed: int, options: argparse.Namespace) -> dict[str, Any]:
    """Search with one seed and tell what the network found is worth."""
    data = numbers(seed)
    space = load_space(options.space, in_channels=1, num_classes=NUM_CLASSES, resolution=SHAPE)

    def judged(architecture: Architecture) -> float:
        return JUDGES[options.judge](architecture, data, seed)

    found = search(
        space,
        evaluate=judged,
        budget=BUDGET,
        config=SearchConfig(num_trials=options.trials, seed=seed, device="cpu"),
        enqueue=[plain for plain in map(narrowed, SHARES) if is_point(space, plain)],
    )
    torch.manual_seed(seed)
    model = found.best.build()
    fit(model, data, SMALL, device="cpu", seed=seed)
    costs = found.best.costs()
    values = found.trials["value"].dropna()
    return {
        "seed": seed,
        "test_accuracy": evaluate(model, data.test, data=data).accuracy,
        "judged_accuracy": float(values.max()),
        "mean_judged_accuracy": float(values.mean()),
        "num_judged": len(values),
        "parameters": costs.parameters,
        "macs": costs.macs,
        "architecture": str(found.best),
    }


def is_point(space: SearchSpace, architecture: Architecture) -> bool:
    """Tell whether a space holds an architecture."""
    try:
        space.params(architecture)
    except ConfigError:
        return False
    return True


def main() -> None:
    """Search with every seed and bound the mean accuracy."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=3, help="at least 2")
    parser.add_argument("--trials", type=int, default=8)
    parser.add_argument("--space", default="small")
    parser.add_argument("--judge", choices=list(JUDGES), default="folds")
    options = parser.parse_args()
    torch.set_num_threads(1)
    seeds = list(range(options.seeds))
    rows = [searched(seed, options) for seed in seeds]
    mean, low, high = mean_interval([row["test_accuracy"] for row in rows])
    summary = {"mean_test_accuracy": mean, "low": low, "high": high, "budget": BUDGET}
    record(f"small_data_search_{options.space}_{options.judge}", rows, seeds=seeds, summary=summary)


if __name__ == "__main__":
    main()
