"""Whether a candidate should begin from the weights of a trained neighbour, and not from fresh ones.

    OMP_NUM_THREADS=1 python -m benchmarks.inheritance [--data digits] [--space tiny] [--pairs 24]

Networks are drawn at random and trained; of each one choice is changed, and the neighbour is trained three
times: from fresh weights, from those of the parent (what overlaps of tensors of the same name), and from
fresh weights of another seed. A row tells, after so many epochs, the accuracy on the validation images both
ways, their paired difference, and the rank correlation of each with what the other seed ends at. A search
gains where inherited weights tell candidates apart as well in fewer epochs; that they begin higher is not
enough, for what begins high because of its parent says little of itself. One core, ten to sixty seconds a
pair.
"""

import argparse
from collections.abc import Sequence
from statistics import fmean
from typing import Any, Final

import numpy as np
import torch
from optuna.trial import FixedTrial
from scipy.stats import spearmanr
from torch import nn

from benchmarks.record import record
from millinet.data import DataSet, load_data
from millinet.statistics import mean_interval
from millinet.training import EpochRecord, Recipe, fit, recipe_of
from nas.candidate import build
from search_spaces import Points, SearchSpace, load_space

WAYS: Final = ("fresh", "inherited", "other")
OTHER_SEED: Final = 1000


def inherit(model: nn.Module, parent: nn.Module) -> float:
    """Copy what overlaps of the parent's tensors; return the share of the model's numbers so filled."""
    given = parent.state_dict()
    num_copied = num_all = 0
    for name, tensor in model.state_dict().items():
        num_all += tensor.numel()
        source = given.get(name)
        if source is None or source.dim() != tensor.dim():
            continue
        part = tuple(slice(0, min(own, other)) for own, other in zip(tensor.shape, source.shape, strict=True))
        tensor[part].copy_(source[part])
        num_copied += tensor[part].numel()
    return num_copied / num_all


def trained(model: nn.Module, data: DataSet, recipe: Recipe, *, seed: int) -> list[float]:
    """Train in place; return the validation accuracy after each epoch."""
    accuracies: list[float] = []

    def note(epoch: EpochRecord) -> bool:
        accuracies.append(epoch.accuracy)
        return False

    fit(model, data, recipe, device="cpu", seed=seed, on_epoch=note)
    return accuracies


def compared(space: SearchSpace, data: DataSet, recipe: Recipe, *, seed: int) -> dict[str, Any]:
    """Train one network, and one neighbour of it in three ways."""
    points, rng = Points(space), np.random.default_rng(seed)
    point = points.draw(rng)
    parent = build(space.suggest(FixedTrial(points.params(point))), seed=seed)
    trained(parent, data, recipe, seed=seed)
    child = space.suggest(FixedTrial(points.params(points.edit(point, rng))))
    heir = build(child, seed=seed)
    share = inherit(heir, parent)
    return {
        "share": share,
        "fresh": trained(build(child, seed=seed), data, recipe, seed=seed),
        "inherited": trained(heir, data, recipe, seed=seed),
        "other": trained(build(child, seed=seed + OTHER_SEED), data, recipe, seed=seed + OTHER_SEED),
    }


def rows_of(pairs: Sequence[dict[str, Any]], num_epochs: int) -> list[dict[str, Any]]:
    """Sum up all pairs after each epoch."""
    truth = [pair["other"][-1] for pair in pairs]
    rows = []
    for epoch in range(num_epochs):
        fresh, inherited = ([pair[way][epoch] for pair in pairs] for way in ("fresh", "inherited"))
        gain = mean_interval([new - old for new, old in zip(inherited, fresh, strict=True)])
        rows.append(
            {
                "epochs": epoch + 1,
                "fresh": fmean(fresh),
                "inherited": fmean(inherited),
                "gain": list(gain),
                "fresh_tells": float(spearmanr(fresh, truth).statistic),
                "inherited_tells": float(spearmanr(inherited, truth).statistic),
            }
        )
    return rows


def main() -> None:
    """Compare every pair and write the figures after each epoch."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", default="digits")
    parser.add_argument("--space", default="tiny")
    parser.add_argument("--pairs", type=int, default=24)
    parser.add_argument("--recipe", default="quick")
    parser.add_argument("--name", default="inheritance")
    given = parser.parse_args()
    torch.set_num_threads(1)
    data, recipe = load_data(given.data, seed=0), recipe_of(given.recipe)
    channels, height, width = data.input_shape
    space = load_space(
        given.space, in_channels=channels, num_classes=data.num_classes, resolution=(height, width)
    )
    pairs = []
    for seed in range(given.pairs):
        pairs.append(compared(space, data, recipe, seed=seed))
        print(seed, *(f"{way} {pairs[-1][way][-1]:.3f}" for way in WAYS), flush=True)
    summary = {"share_inherited": fmean(pair["share"] for pair in pairs), "recipe": given.recipe}
    record(given.name, rows_of(pairs, recipe.epochs), seeds=list(range(given.pairs)), summary=summary)


if __name__ == "__main__":
    main()
