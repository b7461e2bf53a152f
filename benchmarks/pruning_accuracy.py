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
the ratio to it is what counts. Networks whose latency differs by more than --equal from the target are told,
and left out of the comparison.

The controls: `random` keeps channels drawn at random, of every group the same fraction. `scratch` is the
evenly narrower network with fresh weights, trained for as many epochs as pruning and recovery had together,
by the same teacher.

With --equal-by macs everything is brought to a fraction of the multiply-adds instead. Such figures do not
depend on the machine's state, and say nothing about speed.

At 32 pixels and one image the time of a layer is mostly that of calling it, so the batch is 64. Finished
seeds and trained networks are kept in --state; a run that was stopped goes on. With 4,000 images, 12 and 4
epochs: about 10 minutes a seed on one core.
"""

import argparse
import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
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
UNASKED: Final = ("seeds", "state", "name")
"""Arguments that do not decide what one seed finds."""


class Bench:
    """What all cases of one seed share."""

    def __init__(self, given: argparse.Namespace, seed: int, equal: Yardstick) -> None:
        self.given, self.seed, self.equal = given, seed, equal
        self.data = _data(given, seed)
        self.example = torch.zeros(given.batch, *self.data.input_shape, device=given.device)
        self.full = self._trained()

    def _trained(self) -> nn.Module:
        """Train the network, or take it from the folder of an earlier run."""
        torch.manual_seed(self.seed)
        channels, height, width = self.data.input_shape
        model = load_model(
            self.given.network,
            num_classes=self.data.num_classes,
            in_channels=channels,
            resolution=(height, width),
        ).model.to(self.given.device)
        trained = ("data", "network", "train_images", "epochs", "train_batch")
        path = self.given.state / f"{_key(self.given, trained)}-{self.seed}.safetensors"
        if path.exists():
            load_weights(model, path)
        else:
            recipe = Recipe(epochs=self.given.epochs, batch_size=self.given.train_batch, ema_decay=0.99)
            fit(model, self.data, recipe, device=self.given.device, seed=self.seed)
            save_weights(model, path)
        return model.eval()

    def smaller(self, method: str) -> nn.Module:
        """Prune to the target in one of the ways, and train what is left."""
        asked = self.equal.asked(self.given.ratio)
        if method in OURS:
            return self._recovered(self._pruned(asked, OURS[method]))
        if method == "random":
            return self._recovered(self._pruned(asked, RANDOM))
        if method == "scratch":
            torch.manual_seed(self.seed)
            return self._from_scratch(self._pruned(asked, EVENLY))
        return self._recovered(
            nearest(
                lambda ratio: by_ratio(
                    self.full, self.example, method=method, ratio=ratio, num_classes=self.data.num_classes
                ),
                lambda model: self.equal.share(model, self.full, self.example),
                self.equal.aim * self.given.ratio,
            )
        )

    def _pruned(self, asked: PruneOptions, how: PruneOptions) -> nn.Module:
        chosen = torch.randperm(len(self.data.train), generator=torch.Generator().manual_seed(0))
        chosen = chosen[:NUM_SAMPLES]
        images = self.data.normalise(self.data.train.pixels(chosen)).to(self.given.device)
        return prune(
            self.full,
            self.example,
            **(asked | how),
            data=[(images, self.data.train.labels[chosen].to(self.given.device))],
            meter=self.equal.meter if isinstance(self.equal, ByLatency) else None,
            device=self.given.device,
        ).model

    def _recovered(self, model: nn.Module) -> nn.Module:
        """Recover in place, as every other."""
        given = self.given
        recipe = Recipe(
            epochs=given.recover_epochs,
            batch_size=given.train_batch,
            learning_rate=0.02,
            warmup=0.05,
            ema_decay=0.99,
        )
        recover(model, self.data, recipe, teacher=self.full, device=given.device, seed=self.seed)
        return model.eval()

    def _from_scratch(self, model: nn.Module) -> nn.Module:
        """Forget the weights, and train for as long as the others were trained in all."""
        given = self.given
        for module in model.modules():
            if hasattr(module, "reset_parameters"):
                module.reset_parameters()
        recipe = Recipe(
            epochs=given.epochs + given.recover_epochs, batch_size=given.train_batch, ema_decay=0.99
        )
        fit(model, self.data, recipe, teacher=self.full, device=given.device, seed=self.seed)
        return model.eval()

    def accuracy(self, model: nn.Module) -> dict[str, float]:
        """Return the accuracy on the judging split with its interval."""
        judge = self.given.judge
        split = {"test": self.data.test, "validation": self.data.validation}[judge]
        found = evaluate(model, split, data=self.data, device=self.given.device)
        return {f"{judge}_accuracy": found.accuracy, f"{judge}_low": found.low, f"{judge}_high": found.high}


def _data(given: argparse.Namespace, seed: int) -> DataSet:
    data = load_data(given.data, seed=seed)
    if given.train_images is None or given.train_images >= len(data.train):
        return data
    order = torch.randperm(len(data.train), generator=torch.Generator().manual_seed(seed))
    return data.with_train(data.train.subset(order[: given.train_images]))


def rows_of(bench: Bench) -> Iterator[dict[str, Any]]:
    """Prune, recover and judge in every way, then hold all networks of the seed to the yardstick."""
    models: dict[str, nn.Module] = {"full": bench.full}
    rows: dict[str, dict[str, Any]] = {"full": bench.accuracy(bench.full)}
    for method in bench.given.methods:
        started = perf_counter()
        try:
            models[method] = bench.smaller(method)
        except MillinetError as error:
            rows[method] = {"refused": str(error)}
            continue
        rows[method] = bench.accuracy(models[method])
        print(f"seed {bench.seed} {method}: {perf_counter() - started:.0f} s", flush=True)
    found = bench.equal.judged(models, bench.example)
    for method, judged in rows.items():
        yield {"seed": bench.seed, "method": method} | judged | found.get(method, {})


def summary(rows: list[dict[str, Any]], given: argparse.Namespace) -> dict[str, Any]:
    """Compare the networks that are equally fast, seed by seed."""
    found: dict[str, Any] = {
        "equal_by": given.equal_by,
        "judged_by": given.judge,
        "target_share": given.ratio,
        "equal_within": given.equal,
        "bar_points": BAR_POINTS,
    }
    accuracies: dict[str, dict[int, float]] = {}
    for row in rows:
        is_near = abs(row.get("share_of_full", 0.0) / given.ratio - 1.0) <= given.equal
        if row.get("is_fit") and (is_near or row["method"] == "full"):
            accuracies.setdefault(row["method"], {})[row["seed"]] = row[f"{given.judge}_accuracy"]
    means = {method: fmean(by_seed.values()) for method, by_seed in accuracies.items()}
    for method in dict.fromkeys(row["method"] for row in rows):
        num_all = sum(row["method"] == method for row in rows)
        found[f"{method}_mean_accuracy"] = means.get(method)
        found[f"{method}_compared"] = f"{len(accuracies.get(method, {}))} of {num_all}"
    for others in (METHODS, CONTROLS):
        rival = max((name for name in others if name in means), key=lambda name: means[name], default=None)
        for name in OURS if rival else ():
            if name in means:
                found[f"{name}_ahead_of_{rival}_points"] = ahead(accuracies[name], accuracies[rival or ""])
    return found


def ahead(mine: Mapping[int, float], theirs: Mapping[int, float]) -> str:
    """Tell the mean difference in points over the seeds that both have, with a 95% interval from two on."""
    points = [100.0 * (mine[seed] - theirs[seed]) for seed in mine if seed in theirs]
    if len(points) < 2:
        return f"{points[0]:+.2f} (one seed)" if points else "no seed in common"
    # Of a difference, not of a fraction: the interval may leave [0, 1].
    half = t_factor(len(points) - 1, 0.95) * stdev(points) / len(points) ** 0.5
    return f"{fmean(points):+.2f} ({fmean(points) - half:+.2f} to {fmean(points) + half:+.2f})"


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
        "--equal", type=float, default=0.04, help="networks this near to the target are equal"
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
    given = parser.parse_args()
    given.state.mkdir(parents=True, exist_ok=True)
    rows: list[dict[str, Any]] = []
    with yardstick(given.equal_by, device=given.device, dtype=given.dtype) as equal:
        for seed in given.seeds:
            path = given.state / f"{_key(given, sorted(vars(given).keys() - {*UNASKED}))}-{seed}.json"
            rows += _kept(path, lambda seed=seed: list(rows_of(Bench(given, seed, equal))))
    record(given.name, rows, device=given.device, seeds=given.seeds, summary=summary(rows, given))


def _key(given: argparse.Namespace, names: Sequence[str]) -> str:
    """Name a file after the arguments that decide what is in it."""
    return hashlib.sha256(repr([getattr(given, name) for name in names]).encode()).hexdigest()[:12]


def _kept(path: Path, make: Callable[[], list[dict[str, Any]]]) -> list[dict[str, Any]]:
    if not path.exists():
        path.write_text(json.dumps(make()), encoding="utf-8")
    found: list[dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))
    return found


if __name__ == "__main__":
    main()
