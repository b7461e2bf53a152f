"""What a candidate costs before it is trained, and how our networks compare with torchvision's in speed.

    python -m benchmarks.candidates price                             # 1 minute
    python -m benchmarks.candidates speed                             # about 10 minutes
    python -m benchmarks.candidates speed --device cuda --batch 32

`price` times what a search does with every proposal: suggest it, hash it, count it; and building a network on
the meta device. `speed` sets the forward pass and the training step of our ResNet-50 and MobileNetV2 beside
torchvision's, in turn, until the interval of the ratio reaches 1.5 percent either way. Both want a machine at
rest.
"""

import argparse
from collections.abc import Callable, Sequence
from itertools import count
from typing import Any, Final

import numpy as np
import torch
import torchvision
from torch import Tensor, nn

from benchmarks.interleaved import Work, compare
from benchmarks.record import record
from millinet.device import set_threads
from millinet.latency.timer import collector_held, time_calls
from millinet.statistics import order_statistic_interval
from search_spaces import Architecture, load_space, network

NETWORKS: Final = ("resnet50", "mobilenet_v2")
NUM_INSTANCES: Final = 3
"""Networks of each kind, taken in turn: where its weights happen to lie in memory can cost one a percent."""
HALF_WIDTH: Final = 0.015
LARGEST_RATIO: Final = 1.02
MOST_PRICE_MS: Final = 5.0
MOST_BUILD_MS: Final = 50.0


class Fixed:
    """Answers a space's questions from known parameters."""

    def __init__(self, params: dict[str, Any]) -> None:
        self.params = params

    def suggest_categorical(self, name: str, _: Sequence[Any]) -> Any:
        """Return the known value."""
        return self.params[name]


def price(num_candidates: int) -> None:
    """Time what a proposal costs, for a network of 50 layers and for points drawn at random."""
    space = load_space("convnet", num_classes=1000, resolution=(224, 224))
    fifty = network("resnet50")
    drawn = [space.sample(np.random.default_rng(seed)) for seed in range(num_candidates)]

    def proposing(
        architectures: Sequence[Architecture], measure: Callable[[Architecture], object]
    ) -> Callable[[], object]:
        trials = [Fixed(space.params(architecture)) for architecture in architectures]
        turn = count()

        def call() -> object:
            candidate = space.suggest(trials[next(turn) % len(trials)])
            return candidate.fingerprint, measure(candidate)

        return call

    rows = [
        _timed("resnet50: suggest, hash, count", proposing([fifty], Architecture.tally), num_candidates),
        _timed("random points: the same", proposing(drawn, Architecture.tally), num_candidates),
        _timed("resnet50: with activation memory", proposing([fifty], Architecture.costs), num_candidates),
        _timed("resnet50: build on the meta device", lambda: build_on_meta(fifty), 50),
    ]
    summary = {
        f"suggest, hash, count at most {MOST_PRICE_MS} ms": all(
            row["high_ms"] <= MOST_PRICE_MS for row in rows[:3]
        ),
        f"build at most {MOST_BUILD_MS} ms": rows[3]["high_ms"] <= MOST_BUILD_MS,
    }
    record("candidates_price", rows, summary=summary)


def build_on_meta(architecture: Architecture) -> nn.Module:
    """Build a network without allocating its weights."""
    with torch.device("meta"):
        return architecture.build()


def _timed(what: str, call: Callable[[], object], num_calls: int) -> dict[str, Any]:
    with collector_held():
        found = order_statistic_interval(time_calls(call, num_calls).wall_ms, 0.5)
    return {
        "what": what,
        "median_ms": found.estimate,
        "low_ms": found.low,
        "high_ms": found.high,
        "calls": num_calls,
    }


def speed(device: str, *, batch: int, resolution: int, most_rounds: int) -> None:
    """Compare the forward pass and the training step of our networks with torchvision's."""
    images = torch.randn(batch, 3, resolution, resolution, device=device)
    rows = []
    for name in NETWORKS:
        ours = [network(name).build().to(device) for _ in range(NUM_INSTANCES)]
        theirs = [torchvision.models.get_model(name).to(device) for _ in range(NUM_INSTANCES)]
        for what, prepare in (("forward", forward), ("training step", training_step)):
            works = (Work([prepare(model, images) for model in models]) for models in (ours, theirs))
            found = compare(*works, half_width=HALF_WIDTH, most_rounds=most_rounds)
            rows.append({"network": name, "what": what, **found.row()})
            rows[-1]["within"] = found.ratio.estimate <= LARGEST_RATIO
            print(rows[-1], flush=True)
    record(
        f"candidates_speed_{device}_batch{batch}",
        rows,
        device=device,
        summary={"ratio": "ours / torchvision's", "batch": batch, "pixels": resolution, "dtype": "fp32"},
    )


def forward(model: nn.Module, images: Tensor) -> Callable[[], object]:
    """Make a call that classifies the images."""

    def call() -> None:
        model.eval()
        with torch.inference_mode():
            model(images)
        _finish(images)

    return call


def training_step(model: nn.Module, images: Tensor) -> Callable[[], object]:
    """Make a call that takes one step of SGD."""
    optimiser = torch.optim.SGD(model.parameters(), lr=1e-3, momentum=0.9)
    labels = torch.zeros(len(images), dtype=torch.long, device=images.device)

    def call() -> None:
        model.train()
        optimiser.zero_grad()
        nn.functional.cross_entropy(model(images), labels).backward()
        optimiser.step()
        _finish(images)

    return call


def _finish(images: Tensor) -> None:
    if images.is_cuda:
        torch.cuda.synchronize()


def main() -> None:
    """Run one of the benchmarks."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("program", choices=("price", "speed"))
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--batch", type=int, default=2)
    parser.add_argument("--pixels", type=int, default=224)
    parser.add_argument("--candidates", type=int, default=300)
    parser.add_argument("--rounds", type=int, default=600, help="most rounds of each comparison")
    asked = parser.parse_args()
    set_threads(1)
    if asked.program == "price":
        price(asked.candidates)
    else:
        speed(asked.device, batch=asked.batch, resolution=asked.pixels, most_rounds=asked.rounds)


if __name__ == "__main__":
    main()
