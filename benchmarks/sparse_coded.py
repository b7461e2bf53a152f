"""What the sparse-coded head promises: robustness at equal size, many classes, and a negligible cost.

    python benchmarks/sparse_coded.py robustness     digits at 16x16, 300 images, 5 seeds (about 5 minutes)
    python benchmarks/sparse_coded.py many-classes   141 classes, 300 images, 512 synthetic features
    python benchmarks/sparse_coded.py latency        share of a ResNet-18's batch-1 latency at 32x32

Each prints a JSON object and writes it to benchmarks/results/.
"""

import json
import os
import platform
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from statistics import mean, stdev
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch import Tensor, nn

from millinet.device import describe
from search_spaces import Architecture, Head, Place, Stage, Stem
from search_spaces.heads import SparseCoded
from search_spaces.heads.health import code_health
from search_spaces.heads.start import start_dictionary

RESULTS = Path(__file__).parent / "results"
SEEDS = range(5)
NUM_EPOCHS = 40
NOISE = 0.5
"""Standard deviation of the noise, in standard deviations of the pixels."""


class Cosine(nn.Module):
    """Control: unit features against unit class vectors, with a learnt scale."""

    def __init__(self, num_features: int, num_classes: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(num_classes, num_features))
        self.log_scale = nn.Parameter(torch.tensor(10.0).log())

    def forward(self, x: Tensor) -> Tensor:
        unit = F.normalize(x.mean((2, 3)), dim=1)
        return self.log_scale.exp() * F.linear(unit, F.normalize(self.weight, dim=1))


class NormedDense(nn.Module):
    """Control: a batch norm before a linear layer."""

    def __init__(self, num_features: int, num_classes: int) -> None:
        super().__init__()
        self.norm = nn.BatchNorm1d(num_features, affine=False)
        self.linear = nn.Linear(num_features, num_classes)

    def forward(self, x: Tensor) -> Tensor:
        return self.linear(self.norm(x.mean((2, 3))))


class UnitDense(nn.Module):
    """Strictest control: all of the sparse head's normalisation, then a scaled linear layer."""

    def __init__(self, num_features: int, num_classes: int) -> None:
        super().__init__()
        self.norm = nn.BatchNorm1d(num_features, affine=False)
        self.linear = nn.Linear(num_features, num_classes)
        self.log_scale = nn.Parameter(torch.tensor(10.0).log())

    def forward(self, x: Tensor) -> Tensor:
        return self.linear(self.log_scale.exp() * F.normalize(self.norm(x.mean((2, 3))), dim=1))


HEADS: dict[str, Any] = {
    "dense": Head(),
    "cosine": Cosine,
    "dense + norm": NormedDense,
    "dense + norm + unit length": UnitDense,
    "residual m=1": Head(name="sparse-coded"),
    "residual m=2": Head(name="sparse-coded", options={"atoms": 2}),
}


def classifier(head: Any) -> nn.Module:
    architecture = Architecture(
        in_channels=1,
        num_classes=10,
        resolution=(16, 16),
        stem=Stem(name="conv3", width=16),
        stages=(
            Stage(block="basic", depth=1, width=16),
            Stage(block="basic", depth=1, width=32, stride=2),
            Stage(block="basic", depth=1, width=64, stride=2),
        ),
        head=head if isinstance(head, Head) else Head(),
    )
    model = architecture.build()
    if not isinstance(head, Head):
        model.head = head(64, 10)
    return model


def digits() -> tuple[Tensor, Tensor]:
    content = load_digits()
    images = torch.tensor(content.images, dtype=torch.float32)[:, None]
    images = (images - images.mean()) / images.std()
    return F.interpolate(images, size=16, mode="bilinear"), torch.tensor(content.target)


def train(model: nn.Module, images: Tensor, labels: Tensor, *, generator: torch.Generator) -> None:
    decayed = [p for p in model.parameters() if p.ndim > 1]
    spared = [p for p in model.parameters() if p.ndim <= 1]
    groups = [{"params": decayed, "weight_decay": 5e-4}, {"params": spared, "weight_decay": 0.0}]
    optimiser = torch.optim.SGD(groups, lr=0.1, momentum=0.9, nesterov=True)
    num_batches = len(images) // 50
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 0.1, total_steps=NUM_EPOCHS * num_batches)
    model.train()
    for _ in range(NUM_EPOCHS):
        order = torch.randperm(len(images), generator=generator)
        for batch in order[: num_batches * 50].view(num_batches, 50):
            optimiser.zero_grad()
            F.cross_entropy(model(images[batch]), labels[batch]).backward()
            optimiser.step()
            schedule.step()
    model.eval()


@torch.no_grad()
def accuracy(model: nn.Module, images: Tensor, labels: Tensor) -> float:
    return 100.0 * (model(images).argmax(1) == labels).float().mean().item()


def robustness(num_images: int = 300) -> dict[str, Any]:
    images, labels = digits()
    scores: dict[str, dict[str, list[float]]] = {name: {"clean": [], "noisy": []} for name in HEADS}
    health: list[tuple[float, ...]] = []
    for seed in SEEDS:
        rows, held_out = train_test_split(
            range(len(labels)), test_size=500, stratify=labels, random_state=seed
        )
        rows, _ = train_test_split(rows, train_size=num_images, stratify=labels[rows], random_state=seed)
        noise = NOISE * torch.randn(images[held_out].shape, generator=torch.Generator().manual_seed(seed))
        for name, head in HEADS.items():
            torch.manual_seed(seed)
            model = classifier(head)
            generator = torch.Generator().manual_seed(seed)
            train(model, images[rows], labels[rows], generator=generator)
            scores[name]["clean"].append(accuracy(model, images[held_out], labels[held_out]))
            scores[name]["noisy"].append(accuracy(model, images[held_out] + noise, labels[held_out]))
            if name == "residual m=1":
                with torch.no_grad():
                    health.append(
                        tuple(code_health(model.head, model.head.code(model.features(images[held_out]))))
                    )
    table = {
        name: {kind: {"mean": mean(values), "sd": stdev(values)} for kind, values in kinds.items()}
        for name, kinds in scores.items()
    }
    sizes = {name: sum(p.numel() for p in classifier(head).head.parameters()) for name, head in HEADS.items()}
    return {
        "images": num_images,
        "test_images": 500,
        "noise_sigma": NOISE,
        "training": f"SGD, one cycle to 0.1, momentum 0.9, decay 5e-4, {NUM_EPOCHS} epochs, batches of 50",
        "accuracy_percent": table,
        "head_parameters": sizes,
        "code_health_m1": [
            dict(zip(("zeros", "dead_atoms", "silent_classes"), row, strict=True)) for row in health
        ],
        "bars": robustness_bars(table, sizes),
    }


def robustness_bars(table: dict[str, Any], sizes: dict[str, int]) -> dict[str, bool]:
    ours, dense = table["residual m=1"], table["dense"]
    controls = ("cosine", "dense + norm", "dense + norm + unit length")
    noisy = {name: table[name]["noisy"]["mean"] for name in controls}
    return {
        "size at most 1.01 x dense": sizes["residual m=1"] <= 1.01 * sizes["dense"],
        "clean at least dense - 1": ours["clean"]["mean"] >= dense["clean"]["mean"] - 1.0,
        "noisy at least dense + 10": ours["noisy"]["mean"] >= dense["noisy"]["mean"] + 10.0,
        **{
            f"noisy at least {name} + 5": ours["noisy"]["mean"] >= value + 5.0
            for name, value in noisy.items()
        },
    }


def synthetic(*, nuisance: float, generator: torch.Generator) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Make 300 training and 2,000 test images of 141 classes in 512 features, with 16 shared directions."""
    centres = torch.randn(141, 512, generator=generator)
    directions = torch.linalg.qr(torch.randn(512, 16, generator=generator)).Q

    def draw(labels: Tensor) -> Tensor:
        shared = torch.randn(len(labels), 16, generator=generator) @ directions.T
        own = torch.randn(len(labels), 512, generator=generator)
        return centres[labels] + 2.5 * own + nuisance * shared

    train_labels = torch.cat((torch.arange(141), torch.arange(141), torch.arange(18)))
    test_labels = torch.randint(141, (2000,), generator=generator)
    return draw(train_labels), train_labels, draw(test_labels), test_labels


def linear_probe(features: Tensor, labels: Tensor, test: Tensor, test_labels: Tensor, *, seed: int) -> float:
    torch.manual_seed(seed)
    layer = nn.Linear(512, 141)
    optimiser = torch.optim.AdamW(layer.parameters(), lr=1e-2, weight_decay=0.05)
    for _ in range(200):
        optimiser.zero_grad()
        F.cross_entropy(layer(features), labels).backward()
        optimiser.step()
    return accuracy(layer, test, test_labels)


def class_mean_start(
    features: Tensor, labels: Tensor, test: Tensor, test_labels: Tensor, *, nuisance: int
) -> float:
    place = Place(in_channels=512, out_channels=141, resolution=(1, 1))
    head = SparseCoded(place, start="class-means").eval()
    start_dictionary(head, features, labels, nuisance=nuisance)
    return accuracy(head, test[:, :, None, None], test_labels)


def many_classes() -> dict[str, Any]:
    found: dict[str, dict[str, list[float]]] = {}
    for seed in SEEDS:
        for case, strength in (("separate clusters", 0.0), ("strong shared nuisance", 20.0)):
            sets = synthetic(nuisance=strength, generator=torch.Generator().manual_seed(seed))
            scores = found.setdefault(case, {"dense": [], "class means": [], "class means, S=16": []})
            scores["dense"].append(linear_probe(*sets, seed=seed))
            scores["class means"].append(class_mean_start(*sets, nuisance=0))
            scores["class means, S=16"].append(class_mean_start(*sets, nuisance=16))
    return {
        "classes": 141,
        "images": 300,
        "features": 512,
        "accuracy_percent": {
            case: {name: {"mean": mean(values), "sd": stdev(values)} for name, values in scores.items()}
            for case, scores in found.items()
        },
    }


def latency() -> dict[str, Any]:
    from millinet.latency import LatencySettings, measure
    from search_spaces import network

    settings = LatencySettings(threads=1)
    place = Place(in_channels=512, out_channels=10, resolution=(1, 1))
    head = SparseCoded(place, readout="linear", atoms=64, steps=5).eval().deployed()
    backbone = network("resnet18", num_classes=10, resolution=(32, 32)).build().eval()
    head_ms = measure(head, torch.randn(1, 512, 1, 1), device="cpu", settings=settings).median_ms
    network_ms = measure(backbone, torch.randn(1, 3, 32, 32), device="cpu", settings=settings).median_ms
    return {"head_ms": head_ms, "resnet18_ms": network_ms, "share": head_ms / network_ms, "bar": 0.015}


PROGRAMS = {"robustness": robustness, "many-classes": many_classes, "latency": latency}


def provenance() -> dict[str, Any]:
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"],
        capture_output=True,
        text=True,
        check=False,
        cwd=Path(__file__).parent,
    )
    return {
        "device": describe(torch.device("cpu")).as_dict(),
        "load_average": os.getloadavg()[0],
        "versions": {"python": platform.python_version(), "torch": torch.__version__},
        "commit": commit.stdout.strip() or "unknown",
        "time": datetime.now(UTC).isoformat(timespec="seconds"),
        "seeds": list(SEEDS),
    }


def main() -> None:
    names = sys.argv[1:] or list(PROGRAMS)
    torch.set_num_threads(1)
    for name in names:
        if name not in PROGRAMS:
            raise SystemExit(f"no benchmark called {name!r}; known: {', '.join(PROGRAMS)}")
        result = {"benchmark": f"sparse_coded {name}", **provenance(), **PROGRAMS[name]()}
        text = json.dumps(result, indent=2)
        (RESULTS / f"sparse_coded_{name}.json").write_text(text + "\n", encoding="utf-8")
        print(text)


if __name__ == "__main__":
    main()
