"""What a candidate costs before it is trained, and how our networks compare with torchvision's in speed.

    python benchmarks/candidates.py price        suggest, hash and cost; build on the meta device
    python benchmarks/candidates.py speed             forward and training step beside torchvision
    python benchmarks/candidates.py speed --device cuda

Each prints a JSON object and writes it to benchmarks/results/. `speed` wants a quiet machine.
"""

import argparse
import gc
import json
import os
import platform
import subprocess
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import torch
import torchvision
from torch import Tensor, nn

from millinet.device import describe, resolve_device
from search_spaces import Architecture, load_space, network

RESULTS = Path(__file__).parent / "results"
NUM_CANDIDATES = 300
NUM_ROUNDS = 25


class Fixed:
    """Answers a space's questions from known parameters."""

    def __init__(self, params: dict[str, Any]) -> None:
        self.params = params

    def suggest_categorical(self, name: str, _: Sequence[Any]) -> Any:
        return self.params[name]


def milliseconds(call: Callable[[], object]) -> float:
    start = time.perf_counter()
    call()
    return 1e3 * (time.perf_counter() - start)


def price_candidates() -> dict[str, Any]:
    space = load_space("convnet", num_classes=1000, resolution=(224, 224))
    fifty = network("resnet50")
    drawn = [space.sample(np.random.default_rng(seed)) for seed in range(NUM_CANDIDATES)]

    def price(architecture: Architecture) -> Callable[[], object]:
        trial = Fixed(space.params(architecture))

        def run() -> object:
            candidate = space.suggest(trial)
            return candidate.fingerprint, candidate.tally()

        return run

    price(fifty)()
    warm = [milliseconds(price(fifty)) for _ in range(NUM_CANDIDATES)]
    in_search = [milliseconds(price(architecture)) for architecture in drawn]
    built = [milliseconds(lambda: build_on_meta(fifty)) for _ in range(20)]
    return {
        "space": space.name,
        "candidates": NUM_CANDIDATES,
        "resnet50": {"median_ms": median(warm), "p95_ms": float(np.quantile(warm, 0.95))},
        "random points": {
            "median_ms": median(in_search),
            "p95_ms": float(np.quantile(in_search, 0.95)),
        },
        "resnet50 built on the meta device": {"median_ms": median(built), "max_ms": max(built)},
        "bars": {
            "suggest, hash, cost at most 5 ms": max(median(warm), median(in_search)) <= 5.0,
            "build at most 50 ms": median(built) <= 50.0,
        },
    }


def build_on_meta(architecture: Architecture) -> nn.Module:
    with torch.device("meta"):
        return architecture.build()


def speed(device: str, *, batch: int) -> dict[str, Any]:
    rows = {}
    for name in ("resnet50", "mobilenet_v2"):
        ours = network(name).build().to(device)
        theirs = torchvision.models.get_model(name).to(device)
        images = torch.randn(batch, 3, 224, 224, device=device)
        rows[name] = {
            "forward": ratio(forward(ours, images), forward(theirs, images), device),
            "training step": ratio(training_step(ours, images), training_step(theirs, images), device),
        }
    return {
        "device": describe(resolve_device(device)).as_dict(),
        "batch": batch,
        "dtype": "fp32",
        "rounds": NUM_ROUNDS,
        "ours / theirs": rows,
    }


def forward(model: nn.Module, images: Tensor) -> Callable[[], object]:
    def run() -> object:
        model.eval()
        with torch.inference_mode():
            return model(images)

    return run


def training_step(model: nn.Module, images: Tensor) -> Callable[[], object]:
    optimiser = torch.optim.SGD(model.parameters(), lr=1e-3, momentum=0.9)
    labels = torch.zeros(len(images), dtype=torch.long, device=images.device)

    def run() -> object:
        model.train()
        optimiser.zero_grad()
        nn.functional.cross_entropy(model(images), labels).backward()
        return optimiser.step()

    return run


def ratio(ours: Callable[[], object], theirs: Callable[[], object], device: str) -> dict[str, Any]:
    """Run both in turn, each first in half of the rounds, and give the median of the paired ratios."""
    pairs = []
    gc.disable()
    for number in range(NUM_ROUNDS + 5):
        pair = (ours, theirs) if number % 2 else (theirs, ours)
        times = [timed(call, device) for call in pair]
        pairs.append(times if number % 2 else times[::-1])
    gc.enable()
    kept = pairs[5:]
    ratios = sorted(one / other for one, other in kept)
    low, high = ratios[NUM_ROUNDS // 2 - 5], ratios[NUM_ROUNDS // 2 + 5]
    return {
        "ours_ms": median(one for one, _ in kept),
        "theirs_ms": median(other for _, other in kept),
        "ratio": median(ratios),
        # Order statistics 8 and 18 of 25 enclose the median with 95 percent confidence or more.
        "interval": [low, high],
        "within 2 percent": median(ratios) <= 1.02,
    }


def timed(call: Callable[[], object], device: str) -> float:
    if device == "cpu":
        return milliseconds(call)
    start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
    start.record()
    call()
    end.record()
    torch.cuda.synchronize()
    return start.elapsed_time(end)


def provenance() -> dict[str, Any]:
    command = ["git", "rev-parse", "--short", "HEAD"]
    found = subprocess.run(command, capture_output=True, text=True, check=False, cwd=Path(__file__).parent)
    return {
        "load_average": os.getloadavg()[0],
        "versions": {
            "python": platform.python_version(),
            "torch": torch.__version__,
            "torchvision": torchvision.__version__,
        },
        "commit": found.stdout.strip() or "unknown",
        "time": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("program", choices=("price", "speed"))
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--batch", type=int, default=1)
    parser.add_argument("--out", type=Path, default=RESULTS)
    options = parser.parse_args()
    torch.set_num_threads(1)
    if options.program == "price":
        name, result = "price", {"device": describe(resolve_device("cpu")).as_dict(), **price_candidates()}
    else:
        name = f"speed_{options.device}_batch{options.batch}"
        result = speed(options.device, batch=options.batch)
    text = json.dumps({"benchmark": f"candidates {name}", **provenance(), **result}, indent=2)
    (options.out / f"candidates_{name}.json").write_text(text + "\n", encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
