"""Time until CIFAR-10 is read with 90 percent, beside a plain PyTorch script with the same network.

    python -m benchmarks.training_cifar --images FOLDER --device cuda [--seeds 3]

FOLDER holds train/CLASS/*.jpg and test/CLASS/*.jpg. Meant for a GPU: minutes there, hours on a CPU, where
`--fraction 0.01 --epochs 1` shows that it runs. Both judge after every epoch by the same 7,500 images held
back from the training images, and stop at the first accuracy of 0.90; the test accuracy is told as well.

The plain script is what one writes first: torchvision's ImageFolder, transforms and DataLoader with workers,
SGD with momentum and a cosine over its epochs, in the precision torch has by default. What each takes to read
the files counts: before the first epoch for millinet, which from the second seed on finds them decoded in its
cache, and during every epoch for the script.
"""

import argparse
import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Final, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.data import DataLoader, Subset
from torchvision.datasets import ImageFolder
from torchvision.transforms import v2

from benchmarks.record import record
from millinet.data import DataSet, Split, load_data
from millinet.device import resolve_device, usable_cores
from millinet.training import Recipe, evaluate, fit
from search_spaces import Architecture, Stage, Stem, network

TARGET: Final = 0.90
MEAN, STD = (0.491, 0.482, 0.447), (0.247, 0.243, 0.262)
OURS: Final = Recipe(epochs=16, batch_size=512, learning_rate=0.4, label_smoothing=0.1, ema_decay=0.98)
"""A short training in large batches; the set says what augmentation keeps a label."""
PLAIN_EPOCHS: Final = 30
PLAIN_BATCH: Final = 128


class Options(NamedTuple):
    """What both contenders are asked for."""

    images: Path
    device: torch.device
    seed: int
    fraction: float
    """Share of the images that is used; 1 but for trying the program out."""
    epochs: int | None
    """Most epochs; None leaves each its own."""


class Reached(NamedTuple):
    """What a training came to."""

    seconds: float
    epochs: int
    validation_accuracy: float
    test_accuracy: float


def resnet18() -> Architecture:
    """Return ResNet-18 with the stem for small images: a 3x3 convolution and no pooling."""
    stages = [
        Stage(block="basic", depth=2, width=width, stride=stride)
        for width, stride in ((64, 1), (128, 2), (256, 2), (512, 2))
    ]
    return Architecture(
        in_channels=3,
        num_classes=10,
        resolution=(32, 32),
        stem=Stem(name="conv3", width=64),
        stages=tuple(stages),
    )


NETWORKS: Final[Mapping[str, Callable[[], Architecture]]] = {
    "resnet18": resnet18,
    "resnet20": lambda: network("resnet20", num_classes=10, in_channels=3, resolution=(32, 32)),
}


def built(name: str, seed: int) -> nn.Module:
    """Build a network with the weights of a seed."""
    torch.manual_seed(seed)
    return NETWORKS[name]().build()


def part_of(data: DataSet, fraction: float) -> DataSet:
    """Keep the first share of the images of every split, in an order that mixes the classes."""

    def some(split: Split) -> Split:
        order = torch.randperm(len(split), generator=torch.Generator().manual_seed(0))
        return split.subset(order[: int(fraction * len(split))])

    return replace(data, train=some(data.train), validation=some(data.validation), test=some(data.test))


def with_millinet(name: str, options: Options) -> Reached:
    """Train with `fit`, the images on the device."""
    began = time.perf_counter()
    data = part_of(load_data(f"folder:{options.images}", seed=options.seed), options.fraction)
    model = built(name, options.seed)
    recipe = replace(OURS, epochs=options.epochs or OURS.epochs)
    found = fit(
        model,
        data,
        recipe,
        device=options.device,
        seed=options.seed,
        on_epoch=lambda epoch: epoch.accuracy >= TARGET,
    )
    seconds = time.perf_counter() - began
    tested = evaluate(model.to(options.device), data.test, data=data, device=options.device)
    return Reached(seconds, found.epochs, found.best_accuracy, tested.accuracy)


def loaders(options: Options) -> tuple[DataLoader[Any], DataLoader[Any], DataLoader[Any]]:
    """Make the script's loaders: training, the same held back share of it, test."""
    usual = [v2.ToImage(), v2.ToDtype(torch.float32, scale=True), v2.Normalize(MEAN, STD)]
    varied = v2.Compose([v2.RandomCrop(32, padding=4), v2.RandomHorizontalFlip(), *usual])
    plain = v2.Compose(usual)
    folder = options.images / "train"
    order = torch.randperm(len(ImageFolder(folder)), generator=torch.Generator().manual_seed(options.seed))
    order = order[: int(options.fraction * len(order))]
    held = round(0.15 * len(order))
    train = Subset(ImageFolder(folder, varied), order[held:].tolist())
    judged = Subset(ImageFolder(folder, plain), order[:held].tolist())
    test = ImageFolder(options.images / "test", plain)
    tested = torch.randperm(len(test), generator=torch.Generator().manual_seed(0)).tolist()
    workers = min(8, usable_cores())
    common = {"num_workers": workers, "persistent_workers": True, "pin_memory": options.device.type == "cuda"}
    return (
        DataLoader(train, PLAIN_BATCH, shuffle=True, **common),
        DataLoader(judged, 512, **common),
        DataLoader(Subset(test, tested[: int(options.fraction * len(test))]), 512, **common),
    )


def share_right(model: nn.Module, loader: DataLoader[Any], device: torch.device) -> float:
    """Return the accuracy over a loader."""
    model.eval()
    right, seen = 0, 0
    with torch.no_grad():
        for images, labels in loader:
            right += int((model(images.to(device)).argmax(1).cpu() == labels).sum())
            seen += len(labels)
    return right / seen


def plain_script(name: str, options: Options) -> Reached:
    """Train as the module says; a function only so that both can be run from here."""
    began = time.perf_counter()
    device, epochs = options.device, options.epochs or PLAIN_EPOCHS
    model = built(name, options.seed).to(device)
    train, judged, test = loaders(options)
    optimiser = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9, weight_decay=5e-4)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, epochs * len(train))
    accuracy, epoch = 0.0, 0
    while accuracy < TARGET and epoch < epochs:
        epoch += 1
        model.train()
        images: Tensor
        for images, labels in train:
            loss = functional.cross_entropy(model(images.to(device)), labels.to(device))
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
        accuracy = share_right(model, judged, device)
    seconds = time.perf_counter() - began
    return Reached(seconds, epoch, accuracy, share_right(model, test, device))


CONTENDERS: Final[Mapping[str, Callable[[str, Options], Reached]]] = {
    "millinet": with_millinet,
    "plain script": plain_script,
}


def main() -> None:
    """Train both with every seed in turn, and record how long each took."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=Path, required=True)
    parser.add_argument("--network", choices=list(NETWORKS), default="resnet18")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--device", default=None)
    parser.add_argument("--fraction", type=float, default=1.0)
    parser.add_argument("--epochs", type=int, default=None)
    asked = parser.parse_args()
    device = resolve_device(asked.device)
    rows: list[dict[str, Any]] = []
    for seed in range(asked.seeds):
        options = Options(asked.images, device, seed, asked.fraction, asked.epochs)
        for contender, train in CONTENDERS.items():
            found = train(asked.network, options)._asdict()
            rows.append({"contender": contender, "network": asked.network, "seed": seed, **found})
    medians = {
        name: statistics.median(row["seconds"] for row in rows if row["contender"] == name)
        for name in CONTENDERS
    }
    all_there = all(row["validation_accuracy"] >= TARGET for row in rows)
    summary = {
        "target": TARGET,
        "is_reached_by_all": all_there,
        "median_seconds": medians,
        "share_of_the_script": medians["millinet"] / medians["plain script"],
        "bar": "at most 0.5",
        "fraction": asked.fraction,
    }
    name = "training_cifar" if asked.fraction == 1.0 else "training_cifar_tried"
    record(name, rows, device=str(device), seeds=list(range(asked.seeds)), summary=summary)


if __name__ == "__main__":
    main()
