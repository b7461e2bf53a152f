"""Images per second of the training loop beside loops without millinet, on the same images, in one run.

Each contender trains the same network on the same uint8 images. In a round every contender trains a few
batches once, and each round goes the other way through them: what slows the machine for a while slows
neighbours alike, and a drift falls on the first as often as on the last. Told is the median of the ratios
round by round, with an interval that asks nothing of their distribution.

    python -m benchmarks.training_speed                            five contenders, two networks
    python -m benchmarks.training_speed --contenders pipeline --files FOLDER --device cuda

The second form sets the loop, fed from memory and from image files, beside the same steps on one batch that
is there already: what remains is the price of the input.
"""

import argparse
import logging
import statistics
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.data import DataLoader, Dataset
from torchvision.models import mobilenet_v2, resnet18
from torchvision.transforms import v2

from benchmarks.record import record
from millinet.data import DataSet, Split, load_data
from millinet.data.invariances import PHOTOGRAPHS
from millinet.device import resolve_device
from millinet.statistics import order_statistic_interval
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


def millinet_trainer(
    model: nn.Module, data: DataSet, batch_size: int, device: torch.device, **changes: Any
) -> EpochTrainer:
    """Make the trainer that `fit` drives."""
    recipe = Recipe(epochs=10_000, batch_size=batch_size, learning_rate=0.01, warmup=0.0, **changes)
    model.to(device, memory_format=torch.channels_last if recipe.channels_last else torch.contiguous_format)
    return EpochTrainer(model.train(), data, recipe, device=device, seed=0)


def epochs_of(trainer: EpochTrainer) -> Visit:
    """Train one epoch a visit; its mean loss is read at the end, which waits for the device."""
    epochs = iter(range(1, 10_000))

    def visit() -> float:
        began = time.perf_counter()
        trainer.train(next(epochs))
        return time.perf_counter() - began

    return visit


def millinet_loop(model: nn.Module, data: DataSet, batch_size: int, device: torch.device) -> Visit:
    """Shuffles, shifts, mirrors and normalises on the device."""
    return epochs_of(millinet_trainer(model, data, batch_size, device))


def fixed_batch(model: nn.Module, data: DataSet, batch_size: int, device: torch.device) -> Visit:
    """Take the same steps on one batch that lies on the device, normalised and unvaried."""
    plain = replace(data, mean=(0.0,) * 3, std=(1.0,) * 3)
    trainer = millinet_trainer(model, plain, batch_size, device, augmentation=0.0)
    images = data.normalise(data.train.pixels(torch.arange(batch_size))).to(device)
    labels = data.train.labels[:batch_size].to(device)

    def again(chosen: Sequence[Tensor]) -> Iterator[tuple[Tensor, Tensor]]:
        for batch in chosen:
            yield images[: len(batch)], labels[: len(batch)]

    trainer._feed = again
    return epochs_of(trainer)


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


def score(output: Tensor, labels: Tensor, loss: Tensor) -> tuple[float, list[float]]:
    """Read loss, top-1 and top-5 accuracy, as the reference script does after each step."""
    right = output.topk(5, dim=1).indices.eq(labels[:, None])
    return loss.item(), [float(right[:, :most].any(1).float().mean()) for most in (1, 5)]


def loader_loop(model: nn.Module, data: DataSet, batch_size: int, device: torch.device) -> Visit:
    """The shape of torchvision's reference script: a DataLoader whose worker transforms image by image.

    As there, loss and accuracy are read after every step.
    """
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
                output = model(batch)
                loss = functional.cross_entropy(output, named)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            score(output, named, loss)
        return time.perf_counter() - began

    return visit


def lightning_loop(model: nn.Module, data: DataSet, batch_size: int, device: torch.device) -> Visit:
    """Lightning's Trainer with the same DataLoader; nothing is logged, and its set-up does not count."""
    import lightning

    # It tells of the devices it sees at every visit.
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)

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


Contender = Callable[[nn.Module, DataSet, int, torch.device], Visit]

LOOPS: Final[Mapping[str, Contender]] = {
    "millinet": millinet_loop,
    "bare PyTorch": bare_loop,
    "bare PyTorch, channels last": bare_channels_last,
    "torchvision's reference loop": loader_loop,
    "Lightning": lightning_loop,
}
PIPELINE: Final[Mapping[str, Contender]] = {"millinet": millinet_loop, "one fixed batch": fixed_batch}


def contenders(options: argparse.Namespace) -> dict[str, Contender]:
    """Return those asked for; with files, the loop that streams them as well."""
    chosen = dict(LOOPS if options.contenders == "loops" else PIPELINE)
    if options.files is not None:
        streamed = load_data(f"folder:{options.files},memory=0,size=32")
        some = streamed.with_train(streamed.train.subset(range(options.images)))

        def from_files(model: nn.Module, _: DataSet, batch_size: int, device: torch.device) -> Visit:
            return millinet_loop(model, some, batch_size, device)

        chosen["millinet, from files"] = from_files
    return chosen


def rounds(name: str, options: argparse.Namespace, device: torch.device) -> list[dict[str, Any]]:
    """Measure all contenders on one network, round by round."""
    data = noise(options.images)
    visits: dict[str, Visit] = {}
    for contender, make in contenders(options).items():
        torch.manual_seed(0)
        try:
            visits[contender] = make(NETWORKS[name](num_classes=10), data, options.batch_size, device)
        except ImportError:
            print(f"{contender} is not installed and left out")
            continue
        visits[contender]()
    rows = []
    for number in range(options.rounds):
        order = list(visits) if number % 2 == 0 else list(reversed(visits))
        rows += [
            {"network": name, "contender": contender, "round": number, "seconds": visits[contender]()}
            for contender in order
        ]
    return rows


def judged(rows: Sequence[Mapping[str, Any]], images: int) -> dict[str, Any]:
    """Sum up each network and contender, and what millinet's loop does to it."""
    seconds: dict[tuple[str, str], dict[int, float]] = {}
    for row in rows:
        seconds.setdefault((row["network"], row["contender"]), {})[row["round"]] = row["seconds"]
    found = {}
    for (name, contender), taken in seconds.items():
        told = f"{images / statistics.median(taken.values()):,.0f} images/s"
        if contender != "millinet":
            mine = seconds[name, "millinet"]
            ratios = [taken[number] / mine[number] for number in taken]
            # Two bounds of 97.5% each make an interval of 95%.
            bounds = order_statistic_interval(ratios, 0.5, confidence=0.975)
            low, high = (f"{end:.3f}" if end is not None else "?" for end in (bounds.low, bounds.high))
            told += f"; millinet is {statistics.median(ratios):.3f} times as fast ({low} to {high})"
        found[f"{name}, {contender}"] = told
    return found


def main() -> None:
    """Measure, tell and record."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--networks", nargs="+", default=list(NETWORKS), choices=list(NETWORKS))
    parser.add_argument("--contenders", choices=["loops", "pipeline"], default="loops")
    parser.add_argument("--images", type=int, default=256, help="images in one visit")
    parser.add_argument("--batch-size", type=int, default=128)
    parser.add_argument("--rounds", type=int, default=25)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--device", default=None)
    parser.add_argument("--files", type=Path, default=None, help="folder of image files to stream")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    device = resolve_device(options.device)
    rows = [row for name in options.networks for row in rounds(name, options, device)]
    suffix = "" if options.contenders == "loops" else "_pipeline"
    summary = {"batch_size": options.batch_size, "images_a_visit": options.images}
    record(
        f"training_speed{suffix}",
        rows,
        device=str(device),
        seeds=[0],
        summary=summary | judged(rows, options.images),
    )


if __name__ == "__main__":
    main()
