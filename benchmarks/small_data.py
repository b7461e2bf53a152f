"""Three hundred images of 141 classes: what fails, and what helps.

The images are real handwriting: three of scikit-learn's digits side by side read 000 to 140. The 300 known
images are made of one part of the digits, the 2,820 test images (20 a class) of the rest, so that a network
must read and cannot remember. Chance is 1 / 141.

    python benchmarks/small_data.py --seeds 3 --out benchmarks/results/small_data.csv

With --only a part of the table is made anew; its rows take the place of the old ones.
"""

import argparse
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Final, NamedTuple

import pandas as pd
import torch
from torch import Tensor, nn

from millinet.data import Collection, DataSet, load_data
from millinet.data.assemble import assemble
from millinet.data.invariances import GLYPHS
from millinet.data.spec import parse_spec
from millinet.provenance import commit
from millinet.statistics import mean_interval
from millinet.training import RECIPES, Recipe, evaluate, fit
from search_spaces import Architecture, Stage, Stem, network
from search_spaces.description import Head

NUM_CLASSES: Final = 141
NUM_KNOWN: Final = 300
TEST_PER_CLASS: Final = 20
SHAPE: Final = (8, 24)

USUAL: Final = Recipe(
    epochs=40, batch_size=32, learning_rate=0.01, warmup=0.0, augmentation=0.0, retries=0, channels_last=False
)
"""What a first script does: plain SGD, as many epochs as patience lasts, no augmentation."""


class Entry(NamedTuple):
    """One row of the table: a network and how it is trained."""

    make: Callable[[], nn.Module]
    recipe: Recipe


def numbers(seed: int) -> DataSet:
    """Make the data set; another seed writes the known numbers with other digits."""
    digits = load_data("digits")
    known_digits = torch.cat([digits.train.images, digits.validation.images])
    known_labels = torch.cat([digits.train.labels, digits.validation.labels])
    generator = torch.Generator().manual_seed(seed)
    # Two images a class and 18 classes with a third, as uneven as found data are.
    known = torch.cat(
        [torch.arange(NUM_CLASSES).repeat(2), torch.randperm(NUM_CLASSES, generator=generator)[:18]]
    )
    test = torch.arange(NUM_CLASSES).repeat(TEST_PER_CLASS)
    labels = torch.cat([known, test])
    return assemble(
        Collection(
            images=torch.cat(
                [
                    written(known, known_digits, known_labels, generator),
                    written(test, digits.test.images, digits.test.labels, torch.Generator().manual_seed(0)),
                ]
            ),
            labels=labels,
            class_names=tuple(f"{number:03d}" for number in range(NUM_CLASSES)),
            keys=tuple(f"{index:05d}" for index in range(len(labels))),
            parts={"test": list(range(NUM_KNOWN, len(labels)))},
            invariances=replace(GLYPHS, max_shift=0.05),
        ),
        parse_spec("numbers,validation=0.15"),
        seed=seed,
    )


def written(values: Tensor, images: Tensor, labels: Tensor, generator: torch.Generator) -> Tensor:
    """Write numbers with randomly chosen digits, shape (numbers, 1, 8, 24)."""
    by_digit = [(labels == digit).nonzero().flatten() for digit in range(10)]
    places = []
    for power in (100, 10, 1):
        chosen = [
            by_digit[int(value) // power % 10][
                int(torch.randint(len(by_digit[int(value) // power % 10]), (), generator=generator))
            ]
            for value in values
        ]
        places.append(images[torch.stack(chosen)])
    return torch.cat(places, dim=3)


def plain_vgg() -> nn.Module:
    """Nine convolutions without batch norm and a two-layer perceptron, as VGG was published."""
    layers: list[nn.Module] = []
    channels = 1
    for width, depth, pool in ((32, 2, (1, 2)), (64, 2, (2, 2)), (128, 2, (2, 2)), (256, 3, (2, 3))):
        for _ in range(depth):
            layers += [nn.Conv2d(channels, width, 3, padding=1), nn.ReLU()]
            channels = width
        layers.append(nn.MaxPool2d(pool))
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(256, 256), nn.ReLU(), nn.Linear(256, NUM_CLASSES))


def plain_vgg_awake() -> nn.Module:
    """Build the same with He initialisation, which keeps the signal's size from layer to layer."""
    model = plain_vgg()
    for layer in model.modules():
        if isinstance(layer, nn.Conv2d | nn.Linear):
            nn.init.kaiming_normal_(layer.weight)
            nn.init.zeros_(layer.bias)
    return model


def vgg(*, share: float = 1.0, head: Head | None = None) -> nn.Module:
    """Build millinet's vgg_small with a share of its width."""
    full = narrowed(share)
    return replace(full, head=head or full.head).build()


def narrowed(share: float) -> Architecture:
    """Describe vgg_small with a share of its width."""
    full = network("vgg_small", num_classes=NUM_CLASSES, in_channels=1, resolution=SHAPE)
    stages = tuple(replace(stage, width=int(stage.width * share)) for stage in full.stages)
    return replace(full, stem=replace(full.stem, width=int(full.stem.width * share)), stages=stages)


def residual(head: Head | None = None) -> nn.Module:
    """Build millinet's resnet20."""
    full = network("resnet20", num_classes=NUM_CLASSES, in_channels=1, resolution=SHAPE)
    return replace(full, head=head or full.head).build()


def sighted(*before: Stage) -> nn.Module:
    """Build what a search of `tiny` found with seed 0, with stages put before its own."""
    found = (
        Stage(block="inverted", depth=1, width=64, stride=2, options={"expand": 2}),
        Stage(block="inverted", depth=1, width=128, stride=2, options={"expand": 2, "shortcut": "projected"}),
    )
    return Architecture(
        in_channels=1,
        num_classes=NUM_CLASSES,
        resolution=SHAPE,
        stem=Stem(name="conv3", width=16),
        stages=(*before, *found),
    ).build()


SMALL: Final = RECIPES["small"]
SPARSE: Final = Head(name="sparse-coded")
ENTRIES: Final[Mapping[str, Entry]] = {
    "plain VGG, usual script": Entry(plain_vgg, USUAL),
    "plain VGG, recipe small": Entry(plain_vgg, SMALL),
    "plain VGG, He initialisation, recipe small": Entry(plain_vgg_awake, SMALL),
    "vgg_small, recipe small": Entry(vgg, SMALL),
    "vgg_small a quarter as wide, recipe small": Entry(lambda: vgg(share=0.25), SMALL),
    "vgg_small a quarter as wide, sparse-coded head, small": Entry(
        lambda: vgg(share=0.25, head=SPARSE), SMALL
    ),
    "resnet20, usual script": Entry(residual, USUAL),
    "resnet20, recipe small": Entry(residual, SMALL),
    "resnet20, sparse-coded head, recipe small": Entry(lambda: residual(SPARSE), SMALL),
    "found in tiny, sees 9 columns, recipe small": Entry(sighted, SMALL),
    "with a convolution before, sees 11 columns, small": Entry(
        lambda: sighted(Stage(block="plain", depth=1, width=16)), SMALL
    ),
    "with one that halves, sees 19 columns, small": Entry(
        lambda: sighted(Stage(block="plain", depth=1, width=16, stride=2)), SMALL
    ),
}


def measure(name: str, seed: int) -> dict[str, object]:
    """Train one entry with one seed and judge it on the test images."""
    data = numbers(seed)
    torch.manual_seed(seed)
    model = ENTRIES[name].make()
    result = fit(model, data, ENTRIES[name].recipe, device="cpu", seed=seed)
    return {
        "entry": name,
        "seed": seed,
        "parameters": sum(parameter.numel() for parameter in model.parameters()),
        "test_accuracy": evaluate(model, data.test, data=data).accuracy,
        "train_loss": result.history[-1].train_loss,
        "epochs": result.epochs,
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
        "commit": commit(),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--only", default="", help="part of the entries' names")
    parser.add_argument("--out", type=Path, default=None)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    names = [name for name in ENTRIES if arguments.only in name]
    rows = []
    for name in names:
        found = [measure(name, seed) for seed in range(arguments.seeds)]
        rows += found
        accuracies = [float(str(row["test_accuracy"])) for row in found]
        told = f"{accuracies[0]:.3f}"
        if len(accuracies) > 1:
            interval = mean_interval(accuracies)
            told = f"{interval.estimate:.3f} (95%: {interval.low:.3f} to {interval.high:.3f})"
        print(f"{name:54s} {found[0]['parameters']:>9,} parameters  {told}", flush=True)
    if arguments.out:
        table = pd.DataFrame(rows)
        if arguments.only and arguments.out.exists():
            known = pd.read_csv(arguments.out)
            table = pd.concat([known[~known["entry"].isin(names)], table])
        order = table["entry"].map(list(ENTRIES).index)
        table.iloc[order.argsort(kind="stable")].to_csv(arguments.out, index=False)


if __name__ == "__main__":
    main()
