"""Three hundred images of 141 classes, and a searched network: half of ResNet-20's latency, recipe `small`.

    python -m benchmarks.small_data_search [--seeds 3] [--trials 12]

The images are those of `small_data`; trials and winner are trained by the recipe `small`, and the winner is
judged on the same 2,820 test images. About seven minutes a seed on one core. Latency only decides what may be
trained, so that the accuracy hardly depends on the state of the machine.
"""

import argparse
import tempfile
from pathlib import Path
from typing import Any, Final

import torch

from benchmarks.record import record
from benchmarks.small_data import numbers
from millinet.statistics import mean_interval
from nas import SearchConfig, search

BUDGET: Final = "0.5x:resnet20"


def searched(seed: int, num_trials: int) -> dict[str, Any]:
    """Search with one seed and tell what the winner is worth."""
    config = SearchConfig(
        num_trials=num_trials, num_winners=1, seed=seed, recipe="small", final_recipe="small", device="cpu"
    )
    with tempfile.TemporaryDirectory() as folder:
        found = search("tiny", numbers(seed), BUDGET, out=Path(folder) / "run", config=config)
        certificate = found.winners[0].certificate
    if certificate is None:
        raise SystemExit("a winner has a certificate; this one has none")
    return {
        "seed": seed,
        "test_accuracy": certificate.test_accuracy,
        "validation_accuracy": certificate.validation_accuracy,
        "parameters": certificate.parameters,
        "macs": certificate.macs,
        "architecture": certificate.architecture,
        "num_trained": int((found.trials["epochs"] > 0).sum()),
    }


def main() -> None:
    """Search with every seed and bound the mean accuracy."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=3, help="at least 2")
    parser.add_argument("--trials", type=int, default=12)
    options = parser.parse_args()
    torch.set_num_threads(1)
    seeds = list(range(options.seeds))
    rows = [searched(seed, options.trials) for seed in seeds]
    mean, low, high = mean_interval([row["test_accuracy"] for row in rows])
    summary = {"mean_test_accuracy": mean, "low": low, "high": high, "budget": BUDGET}
    record("small_data_search", rows, seeds=seeds, summary=summary)


if __name__ == "__main__":
    main()
