"""Time until the digits are read with 97 percent, beside plain scripts with the same network.

All evaluate after every epoch on the validation split and stop at the first accuracy of 0.97; the time to
that epoch's end counts, and so do the epochs, which no clock has a part in.

    python -m benchmarks.training_digits [--seeds 5]
"""

import argparse
import statistics
import time
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Final, NamedTuple

import torch
from torch import nn
from torch.nn import functional
from torch.utils.data import DataLoader, TensorDataset

from benchmarks.record import record
from millinet.data import DataSet, load_data
from millinet.statistics import paired_ratio
from millinet.training import RECIPES, fit
from search_spaces import network

TARGET: Final = 0.97
MOST_EPOCHS: Final = 100


class Reached(NamedTuple):
    """When a training reached the target."""

    seconds: float
    epochs: int


def resnet20(seed: int) -> nn.Module:
    """Build the network that all train."""
    torch.manual_seed(seed)
    return network("resnet20", num_classes=10, in_channels=1, resolution=(8, 8)).build()


def with_millinet(data: DataSet, seed: int, *, recipe: str) -> Reached:
    """Train by a named recipe, ended at the target."""
    model = resnet20(seed)
    began = time.perf_counter()
    found = fit(
        model, data, RECIPES[recipe], device="cpu", seed=seed, on_epoch=lambda epoch: epoch.accuracy >= TARGET
    )
    return Reached(time.perf_counter() - began, found.epochs)


def plain_script(data: DataSet, seed: int, *, optimiser: str) -> Reached:
    """Train as a first PyTorch script does: a DataLoader, one rate, no schedule, no augmentation."""
    model = resnet20(seed)
    train = TensorDataset(data.normalise(data.train.pixels(torch.arange(len(data.train)))), data.train.labels)
    judged = data.normalise(data.validation.pixels(torch.arange(len(data.validation))))
    steps = {
        "Adam": partial(torch.optim.Adam, lr=1e-3),
        "SGD": partial(torch.optim.SGD, lr=0.01, momentum=0.9),
    }
    optimise = steps[optimiser](model.parameters())
    began = time.perf_counter()
    right, epoch = 0.0, 0
    while right < TARGET and epoch < MOST_EPOCHS:
        epoch += 1
        model.train()
        for images, labels in DataLoader(train, batch_size=64, shuffle=True):
            optimise.zero_grad()
            functional.cross_entropy(model(images), labels).backward()
            optimise.step()
        model.eval()
        with torch.no_grad():
            right = float((model(judged).argmax(1) == data.validation.labels).float().mean())
    return Reached(time.perf_counter() - began, epoch)


CONTENDERS: Final[Mapping[str, Callable[[DataSet, int], Reached]]] = {
    "millinet, recipe quick": partial(with_millinet, recipe="quick"),
    "plain script, Adam": partial(plain_script, optimiser="Adam"),
    "plain script, SGD": partial(plain_script, optimiser="SGD"),
}


def told(rows: list[dict[str, Any]]) -> dict[str, str]:
    """Sum up each contender, and what part of its time millinet takes, seed by seed."""
    taken: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        taken.setdefault(row["contender"], []).append(row)
    mine = [row["seconds"] for row in next(iter(taken.values()))]
    found = {}
    for name, group in taken.items():
        seconds = [row["seconds"] for row in group]
        epochs = statistics.median(row["epochs"] for row in group)
        ratio = paired_ratio(mine, seconds)
        share = f"{ratio.estimate:.2f} of it ({ratio.low:.2f} to {ratio.high:.2f})"
        found[name] = f"median {statistics.median(seconds):.2f} s, {epochs:g} epochs; millinet takes {share}"
    return found


def main() -> None:
    """Train every contender with every seed in turn."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=5, help="at least 2")
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    seeds = range(options.seeds)
    rows = []
    for seed in seeds:
        data = load_data("digits", seed=seed)
        for name, contender in CONTENDERS.items():
            rows.append({"contender": name, "seed": seed, **contender(data, seed)._asdict()})
    record("training_digits", rows, seeds=list(seeds), summary=told(rows))


if __name__ == "__main__":
    main()
