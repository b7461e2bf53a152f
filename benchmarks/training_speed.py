"""Images per second of the training loop beside loops without millinet, on the same images, in one run.

Each contender trains the same network on the same uint8 images; visits are interleaved, so that a busy
machine slows all alike, and ratios are taken visit by visit.

    python benchmarks/training_speed.py --out benchmarks/results/training_speed.csv
"""

import argparse
import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import pandas as pd
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.data import DataLoader, Dataset
from torchvision.models import mobilenet_v2, resnet18
from torchvision.transforms import v2

from millinet.data import DataSet, Split
from millinet.data.invariances import PHOTOGRAPHS
from millinet.device import describe, resolve_device
from millinet.provenance import commit
from millinet.statistics import paired_ratio
from millinet.training import Recipe
from millinet.training.epoch import EpochTrainer

NETWORKS: Final = {"resnet18": resnet18, "mobilenet_v2": mobilenet_v2}
RATE: Final = {"lr": 0.01, "momentum": 0.9, "weight_decay": 5e-4, "nesterov": True}
MEAN, STD = (0.5, 0.5, 0.5), (0.25, 0.25, 0.25)

Visit = Callable[[], float]
"""Trains every image once and returns the seconds it took."""


def noise(count: int) -> DataSet:
    """Make uint8 images of the CIFAR form; what they show has no influence on speed."""
    generator = torch.Generator().manual_seed(0)
    split = Split(
        torch.randint(0, 256, (count, 3, 32, 32), generator=generator, dtype=torch.uint8),
        torch.randint(0, 10, (count,), generator=generator),
    )
    return DataSet(
        spec="noise",
        class_names=tuple(map(str, range(10))),
        input_shape=(3, 32, 32),
        train=split,
        validation=split,
        test=split,
        mean=MEAN,
        std=STD,
        fingerprint="noise",
        invariances=replace(PHOTOGRAPHS, has_colour=False),
    )


def millinet_loop(model: nn.Module, data: DataSet, batch_size: int, device: torch.device) -> Visit:
    """Shuffles, shifts, mirrors and normalises on the device."""
    recipe = Recipe(epochs=10_000, batch_size=batch_size, learning_rate=0.01, warmup=0.0)
    model.to(device, memory_format=torch.channels_last)
    trainer = EpochTrainer(model.train(), data, recipe, device=device, seed=0)
    epochs = iter(range(1, 10_000))

    def visit() -> float:
        began = time.perf_counter()
        trainer.train(next(epochs))
        return time.perf_counter() - began

    return visit


def bare_loop(
    model: nn.Module,
    data: DataSet,
    batch_size: int,
    device: torch.device,
    *,
    memory_format: torch.memory_format = torch.contiguous_format,
) -> Visit:
    """Ten lines of PyTorch on tensors that are normalised already; no augmentation, no shuffling."""
    images = data.normalise(data.train.images).to(device).contiguous(memory_format=memory_format)
    labels = data.train.labels.to(device)
    model.to(device, memory_format=memory_format).train()
    optimiser = torch.optim.SGD(model.parameters(), **RATE)

    def visit() -> float:
        began = time.perf_counter()
        for batch, named in zip(images.split(batch_size), labels.split(batch_size), strict=True):
            with torch.autocast(device.type, torch.bfloat16, enabled=device.type == "cuda"):
                loss = functional.cross_entropy(model(batch), named)
            optimiser.zero_grad(set_to_none=True)
            loss.backward()
            optimiser.step()
        loss.item()
        return time.perf_counter() - began

    return visit


def bare_channels_last(model: nn.Module, data: DataSet, batch_size: int, device: torch.device) -> Visit:
    """Do the same with activations channels last."""
    return bare_loop(model, data, batch_size, device, memory_format=torch.channels_last)


class Images(Dataset[tuple[Tensor, Tensor]]):
    """The images with torchvision's transforms, one by one."""

    def __init__(self, data: DataSet) -> None:
        self.split = data.train
        self.transform = v2.Compose(
            [
                v2.RandomCrop(32, padding=4),
                v2.RandomHorizontalFlip(),
                v2.ToDtype(torch.float32, scale=True),
                v2.Normalize(MEAN, STD),
            ]
        )

    def __len__(self) -> int:
        return len(self.split)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        return self.transform(self.split.pixels(torch.tensor([index]))[0]), self.split.labels[index]


def loader_loop(model: nn.Module, data: DataSet, batch_size: int, device: torch.device) -> Visit:
    """The shape of torchvision's reference script: a DataLoader whose worker transforms image by image."""
    loader = DataLoader(
        Images(data), batch_size, shuffle=True, num_workers=1, persistent_workers=True, drop_last=False
    )
    model.to(device).train()
    optimiser = torch.optim.SGD(model.parameters(), **RATE)

    def visit() -> float:
        began = time.perf_counter()
        for batch, named in loader:
            batch, named = batch.to(device), named.to(device)  # noqa: PLW2901
            with torch.autocast(device.type, torch.bfloat16, enabled=device.type == "cuda"):
                loss = functional.cross_entropy(model(batch), named)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            loss.item()
        return time.perf_counter() - began

    return visit


def lightning_loop(model: nn.Module, data: DataSet, batch_size: int, device: torch.device) -> Visit:
    """Lightning's Trainer with the same DataLoader; nothing is logged, and its set-up does not count."""
    import lightning

    class Classifier(lightning.LightningModule):
        def __init__(self) -> None:
            super().__init__()
            self.model = model

        def training_step(self, batch: Any, _: int) -> Tensor:
            return functional.cross_entropy(self.model(batch[0]), batch[1])

        def configure_optimizers(self) -> torch.optim.Optimizer:
            return torch.optim.SGD(self.model.parameters(), **RATE)

    class Stopwatch(lightning.Callback):
        seconds = 0.0

        def on_train_epoch_start(self, *_: Any) -> None:
            self.seconds = -time.perf_counter()

        def on_train_epoch_end(self, *_: Any) -> None:
            self.seconds += time.perf_counter()

    loader = DataLoader(Images(data), batch_size, shuffle=True, num_workers=1, persistent_workers=True)
    classifier, stopwatch = Classifier(), Stopwatch()

    def visit() -> float:
        lightning.Trainer(
            max_epochs=1,
            accelerator="gpu" if device.type == "cuda" else "cpu",
            devices=1,
            precision="bf16-mixed" if device.type == "cuda" else "32-true",
            callbacks=[stopwatch],
            logger=False,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
        ).fit(classifier, loader)
        return stopwatch.seconds

    return visit


CONTENDERS: Final[Mapping[str, Callable[[nn.Module, DataSet, int, torch.device], Visit]]] = {
    "millinet": millinet_loop,
    "bare PyTorch": bare_loop,
    "bare PyTorch, channels last": bare_channels_last,
    "DataLoader and torchvision transforms": loader_loop,
    "Lightning": lightning_loop,
}


def visits(name: str, arguments: argparse.Namespace, device: torch.device) -> list[dict[str, object]]:
    """Measure all contenders on one network, turn by turn."""
    data = noise(arguments.images)
    loops = {}
    for contender, make in CONTENDERS.items():
        torch.manual_seed(0)
        try:
            loops[contender] = make(NETWORKS[name](num_classes=10), data, arguments.batch_size, device)
        except ImportError:
            print(f"{contender} is not installed and left out")
            continue
        loops[contender]()
    rows = []
    for repeat in range(arguments.repeats):
        for contender, visit in loops.items():
            rate = arguments.images / visit()
            rows.append(
                {"network": name, "contender": contender, "repeat": repeat, "images_per_second": rate}
            )
    return rows


def told(rows: list[dict[str, object]]) -> None:
    """Print each contender's median, and what millinet does to it."""
    table = pd.DataFrame(rows)
    for (name, contender), group in table.groupby(["network", "contender"], sort=False):
        rates = group["images_per_second"].tolist()
        mine = table[(table["network"] == name) & (table["contender"] == "millinet")]
        ratio = paired_ratio(mine["images_per_second"].tolist(), rates)
        beside = (
            ""
            if contender == "millinet"
            else (
                f"   millinet: {ratio.estimate:.2f} times as fast (95%: {ratio.low:.2f} to {ratio.high:.2f})"
            )
        )
        print(f"{name:13s} {contender:38s} {statistics.median(rates):9,.0f} images/s{beside}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--networks", nargs="+", default=list(NETWORKS), choices=list(NETWORKS))
    parser.add_argument("--images", type=int, default=512, help="images in one visit")
    parser.add_argument("--batch-size", type=int, default=128)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--device", default=None)
    parser.add_argument("--out", type=Path, default=None)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    device = resolve_device(arguments.device)
    info = describe(device)
    constant = {
        "device": info.name,
        "threads": info.threads,
        "batch_size": arguments.batch_size,
        "images": arguments.images,
        "torch": torch.__version__,
        "commit": commit(),
    }
    print(", ".join(f"{key} {value}" for key, value in constant.items()))
    rows = [row for name in arguments.networks for row in visits(name, arguments, device)]
    told(rows)
    if arguments.out:
        pd.DataFrame([row | constant for row in rows]).to_csv(arguments.out, index=False)


if __name__ == "__main__":
    main()
