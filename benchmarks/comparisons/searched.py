"""A searched network against hand-made ones of the same latency, on the digits.

    python -m benchmarks.comparisons.searched [--trials 16] [--recipe full]

About six minutes on one core. The hand-made networks are what one would draw first: a known network made
narrower, or shallower, until it is as fast as asked.
"""

import argparse
import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from textwrap import fill
from typing import Final

import torch

from benchmarks.comparisons.publish import WORK, Comparison, program, publish
from millinet.latency import Budget, LatencyMeter, LatencySettings
from search_spaces import Architecture, network

BUDGET: Final = "0.5x:resnet20@batch=32"
SHARES: Final = (1.0, 0.875, 0.75, 0.625, 0.5, 0.375, 0.25, 0.125)
"""Widths tried, as shares of the published ones, the widest first."""
HEADING: Final = "# A search against networks made by hand, at equal latency"
TEXT: Final = """
The budget is half the latency of ResNet-20 on the digits at batch {batch}, which came to {limit_ms:.3g} ms.
The search tried {trials} candidates of the space `tiny`. The hand-made networks are ResNet-20, a ResNet of
one block a stage, and the small VGG, each made narrower until it was measured to be inside the budget:
{chosen}.{without} All were trained by the recipe `{recipe}` on the same images, and certified against
the same limit. Only the final training is equal: the search chose its network by {trials} short trainings,
the hand-made ones cost none.
"""


def families() -> Mapping[str, Architecture]:
    """Return the networks that are made narrower, at their published widths."""
    task = {"num_classes": 10, "in_channels": 1, "resolution": (8, 8)}
    resnet20 = network("resnet20", **task)
    shallow = replace(resnet20, stages=tuple(replace(stage, depth=1) for stage in resnet20.stages))
    return {"resnet20": resnet20, "resnet8": shallow, "vgg-small": network("vgg_small", **task)}


def narrower(architecture: Architecture) -> Iterator[tuple[float, Architecture]]:
    """Yield the network at each of `SHARES` of its width, in multiples of 4."""

    def width(whole: int, share: float) -> int:
        return max(4, round(whole * share / 4) * 4)

    for share in SHARES:
        stages = (replace(stage, width=width(stage.width, share)) for stage in architecture.stages)
        stem = replace(architecture.stem, width=width(architecture.stem.width, share))
        yield share, replace(architecture, stem=stem, stages=tuple(stages))


def widest_inside(
    architecture: Architecture, budget: Budget, meter: LatencyMeter
) -> tuple[float, Architecture] | None:
    """Return the widest form whose median latency is inside the budget, with its share, or None."""
    example = torch.zeros(1, architecture.in_channels, *architecture.resolution)
    for share, one in narrower(architecture):
        measured = meter.measure(one.build().eval(), example, budget=budget)
        print(
            f"  {share:g} of the width: {measured.median_ms:.3f} ms, {measured.verdict(budget)}", flush=True
        )
        if budget.limit_ms is not None and measured.median_ms <= budget.limit_ms:
            return share, one
    return None


def drawn_by_hand(folder: Path, limit_ms: float) -> dict[str, float]:
    """Write each family's network for the limit as a file, and return their shares of the width.

    Families that no width brings inside the budget are left out.
    """
    budget = replace(Budget.parse(BUDGET), limit_ms=limit_ms)
    chosen = {}
    with LatencyMeter("cpu", LatencySettings().under(budget)) as meter:
        for name, architecture in families().items():
            print(f"{name}:", flush=True)
            found = widest_inside(architecture, budget, meter)
            if found is not None:
                chosen[name], inside = found
                (folder / f"{name}.json").write_text(inside.to_json() + "\n")
    if not chosen:
        raise SystemExit(f"no network made by hand is inside {budget} at any width; raise the budget")
    return chosen


def main() -> None:
    """Search, draw by hand, train all alike, time them in turns, and write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=16)
    parser.add_argument("--recipe", default="full")
    options = parser.parse_args()
    torch.set_num_threads(1)
    folder = WORK / "searched"
    folder.mkdir(parents=True, exist_ok=True)
    common = ["--data", "digits", "--device", "cpu"]
    asked = ["--latency-budget", BUDGET, "--trials", str(options.trials), "--winners", "1"]
    final = ["--final-recipe", options.recipe]
    commands = [program(folder, "search", *common, *asked, *final, "--out", "search")]
    budget = json.loads((folder / "search" / "run.json").read_text())["budget"]
    limit = f"{budget['limit_ms']!r}ms@batch={budget['batch']}"
    chosen = drawn_by_hand(folder, budget["limit_ms"])
    for name in chosen:
        how = ["--recipe", options.recipe, "--latency-budget", limit, "--out", name]
        commands.append(program(folder, "train", f"architecture:{name}.json", *common, *how))
    beside = ["--batch", str(budget["batch"]), "--device", "cpu", "--out", "side-by-side"]
    commands.append(program(folder, "profile", "search", *chosen, *beside))
    shares = ", ".join(f"{name} at {share:g} of its width" for name, share in chosen.items())
    too_slow = [name for name in families() if name not in chosen]
    without = f" No width of {' or '.join(too_slow)} was inside it." if too_slow else ""
    text = TEXT.format(
        **{key: budget[key] for key in ("batch", "limit_ms")},
        trials=options.trials,
        recipe=options.recipe,
        chosen=shares,
        without=without,
    )
    publish(
        Comparison(
            name="searched",
            runs=[folder / name for name in ("search", *chosen)],
            timed=folder / "side-by-side",
            baseline="search",
            text=f"{HEADING}\n\n{fill(text.strip(), 110)}",
            commands=commands,
            pictures=("front", "architecture", "training", "search", "importance"),
        )
    )


if __name__ == "__main__":
    main()
