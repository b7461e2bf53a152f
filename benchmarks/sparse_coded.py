"""What the sparse-coded head promises: robustness at equal size, many classes, and a negligible cost.

    python -m benchmarks.sparse_coded robustness      # digits at 16x16, 300 images, 5 seeds; 20 minutes
    python -m benchmarks.sparse_coded many-classes    # 141 classes, 512 synthetic features; 2 minutes
    python -m benchmarks.sparse_coded latency         # share of a ResNet-18's; 1 minute, quiet machine

`robustness` trains every head by every recipe. The recipe by which the bars are judged is the one that makes
the dense head most accurate on clean validation images: what one would choose who knows of no noise.
"""

import argparse
from collections.abc import Callable, Sequence
from statistics import mean, stdev
from typing import Any, Final, NamedTuple

import torch
import torch.nn.functional as F  # noqa: N812
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from torch import Tensor, nn

from benchmarks.interleaved import Work, compare
from benchmarks.record import record
from millinet.device import set_threads
from millinet.latency import LatencySettings, deployed
from search_spaces import Architecture, Head, Place, Stage, Stem, network
from search_spaces.heads import SparseCoded

SEEDS: Final = range(5)
NUM_TRAINED: Final = 300
NUM_TESTED: Final = 500
BATCH_SIZE: Final = 50
NOISE: Final = 0.5
"""Standard deviation of the noise, in standard deviations of the pixels."""
NUM_NOISES: Final = 3
"""Draws of the noise that an accuracy is the mean of."""
BAR: Final = 0.015
"""Largest share of a ResNet-18's latency the head may take."""


class Recipe(NamedTuple):
    """How a head is trained with its backbone: SGD with one cycle of the rate."""

    peak_rate: float
    epochs: int


RECIPES: Final = (Recipe(0.03, 40), Recipe(0.03, 100), Recipe(0.1, 40), Recipe(0.1, 100))


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


OURS: Final = "residual m=1"
CONTROLS: Final = ("cosine", "dense + norm", "dense + norm + unit length")
HEADS: Final[dict[str, Any]] = {
    "dense": Head(),
    "cosine": Cosine,
    "dense + norm": NormedDense,
    "dense + norm + unit length": UnitDense,
    OURS: Head(name="sparse-coded"),
    "residual m=2": Head(name="sparse-coded", options={"atoms": 2}),
}


class Deal(NamedTuple):
    """The images of one seed, in standard deviations of the pixels."""

    train: tuple[Tensor, Tensor]
    validation: tuple[Tensor, Tensor]
    test: tuple[Tensor, Tensor]


def classifier(head: Any) -> nn.Module:
    """Build a residual network of three blocks with the head."""
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
    """Load all 1,797 digits, enlarged to 16x16."""
    content = load_digits()
    images = torch.tensor(content.images, dtype=torch.float32)[:, None]
    images = (images - images.mean()) / images.std()
    return F.interpolate(images, size=16, mode="bilinear"), torch.tensor(content.target)


def deal(seed: int) -> Deal:
    """Split the digits: 500 to test, 300 of the others to train, the rest to validate."""
    images, labels = digits()
    rows, tested = train_test_split(
        range(len(labels)), test_size=NUM_TESTED, stratify=labels, random_state=seed
    )
    trained, validated = train_test_split(
        rows, train_size=NUM_TRAINED, stratify=labels[rows], random_state=seed
    )
    return Deal(*((images[chosen], labels[chosen]) for chosen in (trained, validated, tested)))


def train(model: nn.Module, images: Tensor, labels: Tensor, recipe: Recipe, *, seed: int) -> None:
    """Train from scratch, with weight decay 5e-4 on weights of two and more dimensions."""
    decayed = [p for p in model.parameters() if p.ndim > 1]
    spared = [p for p in model.parameters() if p.ndim <= 1]
    groups = [{"params": decayed, "weight_decay": 5e-4}, {"params": spared, "weight_decay": 0.0}]
    optimiser = torch.optim.SGD(groups, lr=recipe.peak_rate, momentum=0.9, nesterov=True)
    num_batches = len(images) // BATCH_SIZE
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, recipe.peak_rate, total_steps=recipe.epochs * num_batches
    )
    generator = torch.Generator().manual_seed(seed)
    model.train()
    for _ in range(recipe.epochs):
        order = torch.randperm(len(images), generator=generator)
        for batch in order[: num_batches * BATCH_SIZE].view(num_batches, BATCH_SIZE):
            optimiser.zero_grad()
            F.cross_entropy(model(images[batch]), labels[batch]).backward()
            optimiser.step()
            schedule.step()
    model.eval()


@torch.no_grad()
def accuracy(model: nn.Module, images: Tensor, labels: Tensor) -> float:
    """Return the share of images put into their class, in percent."""
    return 100.0 * (model(images).argmax(1) == labels).float().mean().item()


def noisy_accuracy(model: nn.Module, images: Tensor, labels: Tensor, *, seed: int) -> float:
    """Return the accuracy under Gaussian noise, in percent, as a mean over draws."""
    generator = torch.Generator().manual_seed(seed)
    draws = [NOISE * torch.randn(images.shape, generator=generator) for _ in range(NUM_NOISES)]
    return mean(accuracy(model, images + noise, labels) for noise in draws)


def head_row(recipe: Recipe, name: str, seeds: Sequence[int]) -> dict[str, Any]:
    """Train a head by a recipe with every seed, and tell its accuracies."""
    found: dict[str, list[float]] = {"validation": [], "clean": [], "noisy": []}
    health: list[dict[str, float]] = []
    for seed in seeds:
        split = deal(seed)
        torch.manual_seed(seed)
        model = classifier(HEADS[name])
        train(model, *split.train, recipe, seed=seed)
        found["validation"].append(accuracy(model, *split.validation))
        found["clean"].append(accuracy(model, *split.test))
        found["noisy"].append(noisy_accuracy(model, *split.test, seed=seed))
        if isinstance(model.head, SparseCoded):
            with torch.no_grad():
                health.append(dict(model.head.health(model.features(split.test[0]).mean((2, 3)))))
    row: dict[str, Any] = {"head": name, "peak_rate": recipe.peak_rate, "epochs": recipe.epochs}
    row["head_parameters"] = sum(p.numel() for p in model.head.parameters())
    for kind, values in found.items():
        row |= {f"{kind}_percent": mean(values), f"{kind}_sd": stdev(values) if len(values) > 1 else 0.0}
    if health:
        row |= {f"worst_{measure}": max(one[measure] for one in health) for measure in health[0]}
    return row


def robustness(seeds: Sequence[int], recipes: Sequence[Recipe]) -> None:
    """Train every head by every recipe, and judge the bars by the recipe best for the dense head."""
    rows = [head_row(recipe, name, seeds) for recipe in recipes for name in HEADS]
    dense = max((row for row in rows if row["head"] == "dense"), key=lambda row: row["validation_percent"])
    chosen = {"peak_rate": dense["peak_rate"], "epochs": dense["epochs"]}
    judged = {row["head"]: row for row in rows if chosen.items() <= row.items()}
    summary = {
        "images": NUM_TRAINED,
        "noise_sigma": NOISE,
        "recipe best for the dense head": chosen,
        "bars": robustness_bars(judged),
    }
    record("sparse_coded_robustness", rows, seeds=list(seeds), summary=summary)


def robustness_bars(table: dict[str, dict[str, Any]]) -> dict[str, bool]:
    """Compare our head with the dense one and with every normalised control."""
    ours, dense = table[OURS], table["dense"]
    noisy = ours["noisy_percent"]
    return {
        "size at most 1.01 x dense": ours["head_parameters"] <= 1.01 * dense["head_parameters"],
        "clean at least dense - 1": ours["clean_percent"] >= dense["clean_percent"] - 1.0,
        "noisy at least dense + 10": noisy >= dense["noisy_percent"] + 10.0,
        **{f"noisy at least {name} + 5": noisy >= table[name]["noisy_percent"] + 5.0 for name in CONTROLS},
    }


class Features(NamedTuple):
    """Synthetic features of many classes."""

    train: Tensor
    train_labels: Tensor
    test: Tensor
    test_labels: Tensor


class Spread(NamedTuple):
    """How far features of one class lie apart, where class centres have standard deviation 1."""

    own: float
    """Standard deviation of each feature by itself."""
    shared: float
    """Standard deviation along 16 directions that all classes share."""


SPREADS: Final = {
    "separate clusters": Spread(own=3.0, shared=0.0),
    "strong shared nuisance": Spread(own=1.9, shared=12.0),
}
"""Chosen so that class means come to 68 percent in the first case, and dense to 12 in the second."""


def features(spread: Spread, *, seed: int) -> Features:
    """Draw 300 training and 2,000 test images of 141 Gaussian classes in 512 features."""
    generator = torch.Generator().manual_seed(seed)
    centres = torch.randn(141, 512, generator=generator)
    directions = torch.linalg.qr(torch.randn(512, 16, generator=generator)).Q

    def draw(labels: Tensor) -> Tensor:
        shared = torch.randn(len(labels), 16, generator=generator) @ directions.T
        own = torch.randn(len(labels), 512, generator=generator)
        return centres[labels] + spread.own * own + spread.shared * shared

    train_labels = torch.cat((torch.arange(141), torch.arange(141), torch.arange(18)))
    test_labels = torch.randint(141, (2000,), generator=generator)
    return Features(draw(train_labels), train_labels, draw(test_labels), test_labels)


def dense_accuracy(found: Features, *, seed: int) -> float:
    """Train a linear layer by AdamW, 200 steps at 1e-2 with weight decay 0.05."""
    torch.manual_seed(seed)
    layer = nn.Linear(512, 141)
    optimiser = torch.optim.AdamW(layer.parameters(), lr=1e-2, weight_decay=0.05)
    for _ in range(200):
        optimiser.zero_grad()
        F.cross_entropy(layer(found.train), found.train_labels).backward()
        optimiser.step()
    return accuracy(layer, found.test, found.test_labels)


def logistic_accuracy(found: Features, **_: Any) -> float:
    """Fit a linear layer to its optimum, with scikit-learn's default penalty: the strictest control."""
    fitted = LogisticRegression(max_iter=500).fit(found.train.numpy(), found.train_labels.numpy())
    return 100.0 * float(fitted.score(found.test.numpy(), found.test_labels.numpy()))


def class_means_accuracy(found: Features, *, seed: int, nuisance: int = 0) -> float:
    """Start a sparse-coded head at the class means, and train nothing."""
    torch.manual_seed(seed)
    place = Place(in_channels=512, out_channels=141, resolution=(1, 1))
    head = SparseCoded(place, start="class-means", nuisance=nuisance).eval()
    head.start_from(found.train, found.train_labels)
    return accuracy(head, found.test[:, :, None, None], found.test_labels)


WAYS: Final[dict[str, Callable[..., float]]] = {
    "dense, AdamW": dense_accuracy,
    "dense, logistic regression": logistic_accuracy,
    "class means": class_means_accuracy,
    "class means, 16 directions out": lambda found, seed: class_means_accuracy(found, seed=seed, nuisance=16),
}


def many_classes(seeds: Sequence[int]) -> None:
    """Classify 141 classes from two images each by a dense head and by class means."""
    rows = []
    for case, spread in SPREADS.items():
        for way, judge in WAYS.items():
            values = [judge(features(spread, seed=seed), seed=seed) for seed in seeds]
            rows.append(
                {
                    "case": case,
                    "head": way,
                    **spread._asdict(),
                    "accuracy_percent": mean(values),
                    "accuracy_sd": stdev(values) if len(values) > 1 else 0.0,
                }
            )
    record("sparse_coded_many_classes", rows, seeds=list(seeds), summary={"images": 300, "features": 512})


def latency(most_rounds: int) -> None:
    """Time heads of 64 atoms and 5 steps in turn with the ResNet-18 they could end."""
    settings = LatencySettings(threads=1)
    backbone, images = network("resnet18", num_classes=10, resolution=(32, 32)), torch.randn(1, 3, 32, 32)
    heads = {
        "linear, 64 atoms": (10, {"readout": "linear", "atoms": 64}),
        "residual, 64 classes of one atom": (64, {}),
    }
    rows = []
    for name, (num_classes, options) in heads.items():
        place = Place(in_channels=512, out_channels=num_classes, resolution=(1, 1))
        head = SparseCoded(place, steps=5, **options)  # type: ignore[arg-type]
        one = _work(head, torch.randn(1, 512, 1, 1), settings, calls=50)
        other = _work(backbone.build(), images, settings, calls=5)
        # A twentieth of the bar's margin: 0.8 percent is told from 1.5 by far.
        found = compare(one, other, half_width=0.02, most_rounds=most_rounds)
        rows.append({"head": name, **found.row(), "within": found.ratio.high <= BAR})
    record("sparse_coded_latency", rows, summary={"bar": BAR})


def _work(model: nn.Module, example: Tensor, settings: LatencySettings, *, calls: int) -> Work:
    form = deployed(model, example, device=torch.device("cpu"), settings=settings)

    def call() -> object:
        with torch.inference_mode():
            return form(example)

    return Work([call], calls)


def main() -> None:
    """Run one of the benchmarks."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("program", choices=("robustness", "many-classes", "latency"))
    parser.add_argument("--seeds", type=int, default=len(SEEDS))
    parser.add_argument("--recipes", type=int, default=len(RECIPES), help="how many of them, from the first")
    parser.add_argument("--rounds", type=int, default=400, help="most rounds of timing")
    asked = parser.parse_args()
    set_threads(1)
    if asked.program == "robustness":
        robustness(range(asked.seeds), RECIPES[: asked.recipes])
    elif asked.program == "many-classes":
        many_classes(range(asked.seeds))
    else:
        latency(asked.rounds)


if __name__ == "__main__":
    main()
