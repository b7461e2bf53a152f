"""A trained ResNet-18 against itself, pruned to half its latency: CIFAR-10 images at 32x32, a part of them.

    python -m benchmarks.comparisons.pruning --images CIFAR [--train 3000] [--test 2000] [--recipe quick]

CIFAR is a folder with train/CLASS/*.jpg and test/CLASS/*.jpg. About six minutes on one core.
"""

import argparse
from pathlib import Path
from typing import Final

import pandas as pd
import torch

from benchmarks.comparisons.publish import WORK, Comparison, program, publish

TEXT: Final = """# A trained ResNet-18 against half its latency

ResNet-18 (torchvision's form, so its stem shrinks 32x32 to 8x8) trained from scratch on {train} images of
CIFAR-10 by the recipe `{recipe}`, and the same network pruned to half its latency: channels scored by their
l2 norm, widths chosen by measured latency, then recovered on the same images with the unpruned network as
teacher. Both are judged on the same {test} test images. So few images make for a low accuracy; what is
compared is what pruning costs and gains.
"""


def table(images: Path, folder: Path, *, num_train: int, num_test: int) -> str:
    """Write a table of the first images of every class, and return the data spec for it."""
    link = folder / "cifar10"
    link.unlink(missing_ok=True)
    # Through a link the table, and with it every record of the run, names no folder of this machine.
    link.symlink_to(images.resolve())
    rows = []
    for split, number in (("train", num_train), ("test", num_test)):
        classes = sorted(path for path in (link / split).iterdir() if path.is_dir())
        for label in classes:
            chosen = sorted(label.iterdir())[: number // len(classes)]
            names = [path.relative_to(folder).as_posix() for path in chosen]
            rows += [
                {"path": name, "label": label.name, "split": "" if split == "train" else split}
                for name in names
            ]
    pd.DataFrame(rows).to_csv(folder / "cifar10.csv", index=False)
    return "csv:cifar10.csv"


def main() -> None:
    """Train, prune, time both in turns, and write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=Path, required=True)
    parser.add_argument("--train", type=int, default=3000)
    parser.add_argument("--test", type=int, default=2000)
    parser.add_argument("--recipe", default="quick")
    parser.add_argument("--recover", default="recover", help="recipe of the recovery")
    options = parser.parse_args()
    torch.set_num_threads(1)
    folder = WORK / "pruning"
    folder.mkdir(parents=True, exist_ok=True)
    data = table(options.images, folder, num_train=options.train, num_test=options.test)
    common = ["--data", data, "--device", "cpu"]
    trained = "trained/winners/1/model.safetensors"
    half = ["--latency-budget", "0.5x", "--recipe", options.recover]
    commands = [
        program(folder, "train", "network:resnet18", *common, "--recipe", options.recipe, "--out", "trained"),
        program(folder, "prune", "network:resnet18", *common, "--weights", trained, *half, "--out", "pruned"),
        program(
            folder,
            *("profile", "pruned/winners/1/before", "pruned/winners/1"),
            *("--device", "cpu", "--out", "side-by-side"),
        ),
    ]
    publish(
        Comparison(
            name="pruning",
            runs=[folder / "pruned"],
            timed=folder / "side-by-side",
            baseline="pruned",
            text=TEXT.format(train=options.train, test=options.test, recipe=options.recipe),
            commands=commands,
        )
    )


if __name__ == "__main__":
    main()
