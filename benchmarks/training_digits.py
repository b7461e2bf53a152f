"""Seconds until the digits are read with 97 percent, beside plain scripts with the same network.

Both evaluate after every epoch on the validation split and stop at the first accuracy of 0.97; that
time counts.

    python benchmarks/training_digits.py --out benchmarks/results/training_digits.csv
"""

import argparse
import statistics
import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Final

import pandas as pd
import torch
from torch import nn
from torch.nn import functional
from torch.utils.data import DataLoader, TensorDataset

from millinet.data import DataSet, load_data
from millinet.device import describe
from millinet.provenance import commit
from millinet.statistics import paired_ratio
from millinet.training import RECIPES, fit
from search_spaces import network

TARGET: Final = 0.97
MOST_EPOCHS: Final = 100


def resnet20(seed: int) -> nn.Module:
    """Build the network that all train."""
    torch.manual_seed(seed)
    return network("resnet20", num_classes=10, in_channels=1, resolution=(8, 8)).build()


def with_millinet(data: DataSet, seed: int, *, recipe: str) -> float:
    """Train by a named recipe, ended at the target."""
    model = resnet20(seed)
    began = time.perf_counter()
    fit(
        model, data, RECIPES[recipe], device="cpu", seed=seed, on_epoch=lambda epoch: epoch.accuracy >= TARGET
    )
    return time.perf_counter() - began


def plain_script(data: DataSet, seed: int, *, optimiser: str) -> float:
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
    for _ in range(MOST_EPOCHS):
        model.train()
        for images, labels in DataLoader(train, batch_size=64, shuffle=True):
            optimise.zero_grad()
            functional.cross_entropy(model(images), labels).backward()
            optimise.step()
        model.eval()
        with torch.no_grad():
            right = (model(judged).argmax(1) == data.validation.labels).float().mean()
        if float(right) >= TARGET:
            break
    return time.perf_counter() - began


CONTENDERS: Final[Mapping[str, Callable[[DataSet, int], float]]] = {
    "millinet, recipe quick": partial(with_millinet, recipe="quick"),
    "plain script, Adam": partial(plain_script, optimiser="Adam"),
    "plain script, SGD": partial(plain_script, optimiser="SGD"),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--out", type=Path, default=None)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    rows = []
    for seed in range(arguments.seeds):
        data = load_data("digits", seed=seed)
        for name, contender in CONTENDERS.items():
            rows.append({"contender": name, "seed": seed, "seconds": contender(data, seed)})
    table = pd.DataFrame(rows)
    mine = table[table["contender"] == "millinet, recipe quick"]["seconds"].tolist()
    print(f"{describe('cpu').name}, {arguments.threads} threads, torch {torch.__version__}, {commit()}")
    for name, group in table.groupby("contender", sort=False):
        seconds = group["seconds"].tolist()
        ratio = paired_ratio(mine, seconds)
        print(
            f"{name:24s} median {statistics.median(seconds):5.2f} s   "
            f"millinet takes {ratio.estimate:.2f} of it (95%: {ratio.low:.2f} to {ratio.high:.2f})"
        )
    if arguments.out:
        constant = {
            "device": describe("cpu").name,
            "threads": arguments.threads,
            "torch": torch.__version__,
            "commit": commit(),
        }
        pd.DataFrame([row | constant for row in rows]).to_csv(arguments.out, index=False)


if __name__ == "__main__":
    main()
