"""Accuracy at equal latency: ours beside torch-pruning's uniform, global and isomorphic L2 and two controls.

    OMP_NUM_THREADS=1 python -m benchmarks.pruning_accuracy --data folder:cifar10 --train-images 4000
    OMP_NUM_THREADS=1 python -m benchmarks.pruning_accuracy --data digits --seeds 0
    OMP_NUM_THREADS=1 python -m benchmarks.pruning_accuracy --data folder:cifar10 --train-images 2000 \
        --batch 2 --equal-by macs --methods ours ours-taylor l2-uniform l2-global l2-isomorphic random scratch
    python -m benchmarks.pruning_accuracy --data folder:cifar10 --network network:resnet56 --device cuda \
        --epochs 200 --recover-epochs 60

The last line is the full form, for a GPU. Bar: at half the latency, 0.5 points more than the best of the
three. Every network is trained here. torch-pruning takes no latency, so for each of its methods the channel
ratio is sought whose measured latency is nearest to the target. All are recovered alike: the same recipe,
seed and teacher, from batch norms measured anew. Latency is measured before recovery, which changes no width,
and once more at the end, all networks of a seed in turn; each visit holds calls of the unpruned network, and
the ratio to it is what counts. A seed in which ours is slower than the other by more than --equal is left out
of their comparison.

The controls: `random` keeps channels drawn at random, of every group the same fraction. `scratch` is the
evenly narrower network with fresh weights, trained for as many epochs as pruning and recovery had together,
by the same teacher.

With --equal-by macs everything is brought to a fraction of the multiply-adds instead. Such figures do not
depend on the machine's state, and say nothing about speed.

At 32 pixels and one image the time of a layer is mostly that of calling it, so the batch is 64. Networks are
trained first and recovered last, in --workers processes of one thread, and nothing trains while latency is
measured. All that is done is kept in --state; a run that was stopped goes on. With 4,000 images, 12 and 4
epochs: about 10 minutes a seed on one core.
"""

import argparse
import hashlib
import json
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import lru_cache, partial
from itertools import product
from multiprocessing import get_context
from pathlib import Path
from statistics import fmean, stdev
from time import perf_counter
from typing import Any, Final

import torch
from torch import nn

from benchmarks.pruning_others import METHODS, by_ratio, nearest
from benchmarks.pruning_yardsticks import ByLatency, Yardstick, yardstick
from benchmarks.record import record
from compress import CRITERIA, prune
from compress.config import PruneOptions
from compress.recovery import recover
from millinet.data import DataSet, load_data
from millinet.errors import MillinetError
from millinet.models import load_model
from millinet.statistics import t_factor
from millinet.training import Recipe, evaluate, fit
from millinet.weights import load_weights, save_weights

OURS: Final[Mapping[str, PruneOptions]] = {
    "ours": {},
    "ours-depth": {"remove_blocks": True},
    **{f"ours-{name}": {"criterion": name} for name in CRITERIA},
}
"""As `prune` comes, with whole blocks removed, and by each criterion."""
EVENLY: Final[PruneOptions] = {"allocation": "uniform", "round_to": 1}
RANDOM: Final[PruneOptions] = {"criterion": "random", **EVENLY}
USUAL: Final = ("ours", "ours-taylor", "ours-depth")
CONTROLS: Final = ("random", "scratch")
BAR_POINTS: Final = 0.5
NUM_SAMPLES: Final = 256
UNASKED: Final = ("seeds", "state", "name", "methods", "workers", "equal")
"""Arguments that do not decide what one seed finds."""


class Bench:
    """One seed: its data, the network trained on them, and what the methods made of it."""

    def __init__(self, given: argparse.Namespace, seed: int) -> None:
        self.given, self.seed = given, seed
        self.data = _data(given.data, given.train_images, seed)
        self.example = torch.zeros(given.batch, *self.data.input_shape, device=given.device)
        self.full = self._trained()

    def _trained(self) -> nn.Module:
        """Train the network, or take it from an earlier run."""
        given = self.given
        torch.manual_seed(self.seed)
        channels, height, width = self.data.input_shape
        model = load_model(
            given.network,
            num_classes=self.data.num_classes,
            in_channels=channels,
            resolution=(height, width),
        ).model.to(given.device)
        trained = ("data", "network", "train_images", "epochs", "train_batch")
        path = given.state / f"{_key(given, trained)}-{self.seed}.safetensors"
        if path.exists():
            load_weights(model, path)
        else:
            recipe = Recipe(epochs=given.epochs, batch_size=given.train_batch, ema_decay=0.99)
            fit(model, self.data, recipe, device=given.device, seed=self.seed)
            save_weights(model, path)
        return model.eval()

    def prune(self, method: str, equal: Yardstick) -> None:
        """Prune to the target in one of the ways, unless an earlier run did."""
        path = self.path(method, "pruned.pt")
        if path.exists():
            return
        started = perf_counter()
        try:
            model: nn.Module | str = self._smaller(method, equal)
        except MillinetError as error:
            model = str(error)
        torch.save(model, path)
        print(f"seed {self.seed} {method}: pruned in {perf_counter() - started:.0f} s", flush=True)

    def _smaller(self, method: str, equal: Yardstick) -> nn.Module:
        asked = equal.asked(self.given.ratio)
        if method in OURS:
            return self._ours(asked | OURS[method], equal)
        if method in CONTROLS:
            return self._ours(asked | (RANDOM if method == "random" else EVENLY), equal)
        return nearest(
            lambda ratio: by_ratio(
                self.full, self.example, method=method, ratio=ratio, num_classes=self.data.num_classes
            ),
            lambda model: equal.share(model, self.full, self.example),
            equal.aim * self.given.ratio,
        )

    def _ours(self, how: PruneOptions, equal: Yardstick) -> nn.Module:
        chosen = torch.randperm(len(self.data.train), generator=torch.Generator().manual_seed(0))
        chosen = chosen[:NUM_SAMPLES]
        images = self.data.normalise(self.data.train.pixels(chosen)).to(self.given.device)
        return prune(
            self.full,
            self.example,
            **how,
            data=[(images, self.data.train.labels[chosen].to(self.given.device))],
            meter=equal.meter if isinstance(equal, ByLatency) else None,
            device=self.given.device,
        ).model

    def teach(self, method: str) -> None:
        """Train what is left of the network, as every other, and judge it."""
        path = self.path(method, "json")
        if path.exists():
            return
        started = perf_counter()
        model = self.full if method == "full" else self.pruned(method)
        if isinstance(model, str):
            row: dict[str, Any] = {"refused": model}
        else:
            if method == "scratch":
                self._from_scratch(model)
            elif method != "full":
                self._recovered(model)
            row = self._accuracy(model.eval())
        path.write_text(json.dumps(row), encoding="utf-8")
        print(f"seed {self.seed} {method}: trained in {perf_counter() - started:.0f} s", flush=True)

    def _recovered(self, model: nn.Module) -> None:
        given = self.given
        recipe = Recipe(
            epochs=given.recover_epochs,
            batch_size=given.train_batch,
            learning_rate=0.02,
            warmup=0.05,
            ema_decay=0.99,
        )
        recover(model, self.data, recipe, teacher=self.full, device=given.device, seed=self.seed)

    def _from_scratch(self, model: nn.Module) -> None:
        """Forget the weights, and train for as long as the others were trained in all."""
        given = self.given
        torch.manual_seed(self.seed)
        for module in model.modules():
            if hasattr(module, "reset_parameters"):
                module.reset_parameters()
        recipe = Recipe(
            epochs=given.epochs + given.recover_epochs, batch_size=given.train_batch, ema_decay=0.99
        )
        fit(model, self.data, recipe, teacher=self.full, device=given.device, seed=self.seed)

    def _accuracy(self, model: nn.Module) -> dict[str, float]:
        """Return the accuracy on the judging split with its interval."""
        judge = self.given.judge
        split = {"test": self.data.test, "validation": self.data.validation}[judge]
        found = evaluate(model, split, data=self.data, device=self.given.device)
        return {f"{judge}_accuracy": found.accuracy, f"{judge}_low": found.low, f"{judge}_high": found.high}

    def rows(self, methods: Sequence[str], equal: Yardstick) -> list[dict[str, Any]]:
        """Hold all networks of the seed to the yardstick, unless an earlier run did."""
        path = self.path("-".join(methods), "judged.json")
        if not path.exists():
            path.write_text(json.dumps(self._judged(methods, equal)), encoding="utf-8")
        found: list[dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))
        return found

    def _judged(self, methods: Sequence[str], equal: Yardstick) -> list[dict[str, Any]]:
        pruned = {method: self.pruned(method) for method in methods}
        models = {method: model for method, model in pruned.items() if isinstance(model, nn.Module)}
        # Training changes no width, so what was pruned is as fast as what was trained after it.
        judged = equal.judged({"full": self.full} | models, self.example)
        trained = {
            method: json.loads(self.path(method, "json").read_text(encoding="utf-8"))
            for method in ("full", *methods)
        }
        return [
            {"seed": self.seed, "method": method} | row | judged.get(method, {})
            for method, row in trained.items()
        ]

    def pruned(self, method: str) -> nn.Module | str:
        """Load what pruning left, or why it refused."""
        found: nn.Module | str = torch.load(self.path(method, "pruned.pt"), weights_only=False)
        return found

    def path(self, method: str, what: str) -> Path:
        """Name the file of what a method came to."""
        key = _key(self.given, sorted(vars(self.given).keys() - {*UNASKED}))
        return Path(self.given.state) / f"{key}-{self.seed}-{method}.{what}"


@lru_cache(maxsize=1)
def _data(source: str, train_images: int | None, seed: int) -> DataSet:
    data = load_data(source, seed=seed)
    if train_images is None or train_images >= len(data.train):
        return data
    order = torch.randperm(len(data.train), generator=torch.Generator().manual_seed(seed))
    return data.with_train(data.train.subset(order[:train_images]))


def train(given: argparse.Namespace, seed: int) -> None:
    """Train the network of a seed, in a process of its own."""
    Bench(given, seed)


def teach(given: argparse.Namespace, case: tuple[int, str]) -> None:
    """Train what a method left of a seed's network, in a process of its own."""
    seed, method = case
    Bench(given, seed).teach(method)


def summary(rows: list[dict[str, Any]], given: argparse.Namespace) -> dict[str, Any]:
    """Compare ours with every other, over the seeds in which it is no slower."""
    accuracy = f"{given.judge}_accuracy"
    found: dict[str, Any] = {
        "equal_by": given.equal_by,
        "judged_by": given.judge,
        "target_share": given.ratio,
        "equal_within": given.equal,
        "bar_points": BAR_POINTS,
    }
    fit: dict[str, dict[int, dict[str, Any]]] = {}
    for row in rows:
        if row.get("is_fit"):
            fit.setdefault(row["method"], {})[row["seed"]] = row
    for method, by_seed in fit.items():
        found[f"{method}_mean_accuracy"] = fmean(row[accuracy] for row in by_seed.values())
        found[f"{method}_mean_share"] = fmean(row["share_of_full"] for row in by_seed.values())
    for name, rival in product(OURS, (*METHODS, *CONTROLS)):
        if name in fit and rival in fit:
            pairs = [(mine, fit[rival][seed]) for seed, mine in fit[name].items() if seed in fit[rival]]
            found[f"{name}_ahead_of_{rival}_points"] = ahead(
                [
                    100.0 * (mine[accuracy] - theirs[accuracy])
                    for mine, theirs in pairs
                    if mine["share_of_full"] <= (1.0 + given.equal) * theirs["share_of_full"]
                ]
            )
    return found


def ahead(points: Sequence[float]) -> str:
    """Tell the mean of differences in points, one a seed, with a 95% interval from two on."""
    if len(points) < 2:
        return f"{points[0]:+.2f} (one seed)" if points else "no seed in which it is no slower"
    # Of a difference, not of a fraction: the interval may leave [0, 1].
    half = t_factor(len(points) - 1, 0.95) * stdev(points) / len(points) ** 0.5
    middle = fmean(points)
    return f"{middle:+.2f} ({middle - half:+.2f} to {middle + half:+.2f}, {len(points)} seeds)"


def main() -> None:
    """Run the seeds that are not done, and write what all found."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", default="digits")
    parser.add_argument("--network", default="network:resnet20")
    parser.add_argument("--train-images", type=int, help="images of the training split; all by default")
    parser.add_argument("--epochs", type=int, default=12)
    parser.add_argument("--recover-epochs", type=int, default=4)
    parser.add_argument("--train-batch", type=int, default=64)
    parser.add_argument("--equal-by", choices=["latency", "macs"], default="latency")
    parser.add_argument("--ratio", type=float, default=0.5)
    parser.add_argument(
        "--judge",
        choices=["test", "validation"],
        default="test",
        help="validation, to choose by what comes out",
    )
    parser.add_argument(
        "--equal", type=float, default=0.04, help="a network slower by no more than this is no slower"
    )
    parser.add_argument("--batch", type=int, default=64, help="images in a call whose latency is measured")
    parser.add_argument("--dtype", default="fp32")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--methods", nargs="+", default=[*USUAL, *METHODS, *CONTROLS])
    parser.add_argument(
        "--state", type=Path, default=Path("runs/pruning_accuracy"), help="done seeds, networks"
    )
    parser.add_argument("--name", default="pruning_accuracy", help="file of the results")
    parser.add_argument("--workers", type=int, default=1, help="networks trained at a time")
    given = parser.parse_args()
    given.state.mkdir(parents=True, exist_ok=True)
    opened = partial(yardstick, given.equal_by, device=given.device, dtype=given.dtype)
    methods, rows = given.methods, list[dict[str, Any]]()
    with ProcessPoolExecutor(given.workers, mp_context=get_context("spawn")) as workers:
        list(workers.map(partial(train, given), given.seeds))
        with opened() as equal:
            for seed in given.seeds:
                bench = Bench(given, seed)
                for method in methods:
                    bench.prune(method, equal)
        cases = [(seed, method) for seed in given.seeds for method in ("full", *methods)]
        list(workers.map(partial(teach, given), cases))
    with opened() as equal:
        for seed in given.seeds:
            rows += Bench(given, seed).rows(methods, equal)
    record(given.name, rows, device=given.device, seeds=given.seeds, summary=summary(rows, given))


def _key(given: argparse.Namespace, names: Sequence[str]) -> str:
    """Name a file after the arguments that decide what is in it."""
    return hashlib.sha256(repr([getattr(given, name) for name in names]).encode()).hexdigest()[:12]


if __name__ == "__main__":
    main()
