"""A dense against a sparse-coded head: the same backbone, recipe and images, and noise on the test images.

    python -m benchmarks.comparisons.heads [--seeds 5] [--recipe quick]

About five minutes on one core. The first seed's networks are certified and timed in turns; the others say how
much of a difference is the luck of a seed.
"""

import argparse
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import pandas as pd
import torch

from benchmarks.comparisons.publish import WORK, Comparison, markdown_table, program, publish
from millinet.data import DataSet, load_data
from millinet.models import load_model
from millinet.statistics import Interval, mean_interval
from search_spaces import Head, network

HEADS: Final = ("dense", "sparse-coded")
NOISE: Final = (0.0, 0.25, 0.5, 1.0)
"""Deviations of the noise on test images, in deviations of the pixels."""
TEXT: Final = """# A dense head against a sparse-coded one

ResNet-20 on the digits (8x8, {train} training images), with a linear layer as its head and with the
sparse-coded head, both trained by the recipe `{recipe}`. Judged on the {test} test images, as they are and
under Gaussian noise that neither network has seen in training.

## Accuracy over {seeds} seeds

Mean of the seeds, by the deviation of the noise in deviations of the pixels; the difference is sparse-coded
less dense in points, seed by seed, with its 95% interval (Student's t).

{table}
{said}
"""


def describe_networks(folder: Path) -> None:
    """Write the two architectures as the files that the commands name."""
    folder.mkdir(parents=True, exist_ok=True)
    backbone = network("resnet20", num_classes=10, in_channels=1, resolution=(8, 8))
    for name in HEADS:
        (folder / f"{name}.json").write_text(replace(backbone, head=Head(name=name)).to_json() + "\n")


def noisy_accuracies(folder: Path, data: DataSet, *, seed: int) -> list[float]:
    """Return the accuracy on test images at each strength of `NOISE`; the noise follows from the seed."""
    model = load_model(folder).model
    images = data.normalise(data.test.pixels(torch.arange(len(data.test))))
    noise = torch.randn(images.shape, generator=torch.Generator().manual_seed(seed))
    with torch.no_grad():
        answers = [model(images + strength * noise).argmax(1) for strength in NOISE]
    return [float((answer == data.test.labels).double().mean()) for answer in answers]


def says(difference: Interval, strength: float) -> str:
    """Put the difference at one strength of noise into words."""
    estimate, low, high = (f"{100 * value:+.1f}" for value in difference)
    amount = f"{estimate} points, {low} to {high}"
    where = "on clean images" if strength == 0 else f"under noise of {strength:g}"
    if difference.low <= 0 <= difference.high:
        return f"- No difference {where} that the seeds can show ({amount})."
    better = "sparse-coded" if difference.estimate > 0 else "dense"
    return f"- The {better} head is more accurate {where} ({amount})."


def summarised(frame: pd.DataFrame) -> tuple[str, str]:
    """Return the table and the sentences of the accuracies over the seeds."""
    rows: list[dict[str, Any]] = []
    said = []
    for strength, group in frame.groupby("noise"):
        by_head = group.pivot_table(index="seed", columns="head", values="accuracy")
        difference = mean_interval(list(by_head["sparse-coded"] - by_head["dense"]))
        said.append(says(difference, float(str(strength))))
        means = {head: f"{100 * by_head[head].mean():.1f}%" for head in HEADS}
        bounds = f"{100 * difference.low:+.1f} to {100 * difference.high:+.1f}"
        rows.append(
            {"noise": strength, **means, "difference": f"{100 * difference.estimate:+.1f} ({bounds})"}
        )
    return markdown_table(pd.DataFrame(rows)), "\n".join(said)


def main() -> None:
    """Make the runs, judge them, and write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=5, help="at least 2")
    parser.add_argument("--recipe", default="quick")
    options = parser.parse_args()
    torch.set_num_threads(1)
    folder = WORK / "heads"
    describe_networks(folder)
    commands, rows = [], []
    for seed in range(options.seeds):
        data = load_data("digits", seed=seed)
        for head in HEADS:
            run = head if seed == 0 else f"{head}-{seed}"
            words = ["train", f"architecture:{head}.json", "--data", "digits", "--recipe", options.recipe]
            words += ["--seed", str(seed), "--device", "cpu", "--out", run]
            # Only one pair of networks is timed: the latency does not depend on the weights.
            judged = ["--latency-budget", "1.1x:resnet20"] if seed == 0 else []
            commands.append(program(folder, *words, *judged))
            found = zip(NOISE, noisy_accuracies(folder / run, data, seed=seed), strict=True)
            rows += [
                {
                    "head": head,
                    "seed": seed,
                    "noise": strength,
                    "accuracy": accuracy,
                    "images": len(data.test),
                }
                for strength, accuracy in found
            ]
    commands.append(program(folder, "profile", *HEADS, "--device", "cpu", "--out", "side-by-side"))
    noise = pd.DataFrame(rows)
    table, said = summarised(noise)
    publish(
        Comparison(
            name="heads",
            runs=[folder / name for name in HEADS],
            timed=folder / "side-by-side",
            baseline="dense",
            text=TEXT.format(
                **data.sizes(), recipe=options.recipe, seeds=options.seeds, table=table, said=said
            ),
            commands=commands,
            extra={"noise": noise},
        )
    )


if __name__ == "__main__":
    main()
