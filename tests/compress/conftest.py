"""Small networks, each with one way of coupling channels."""

from collections import Counter
from collections.abc import Callable
from typing import Final

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from compress import Pruned
from compress.layers import sides
from compress.readers import is_reader


class Plain(nn.Module):
    """Two convolutions, flattened into a linear layer."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(3, 8, 3, padding=1)
        self.norm = nn.BatchNorm2d(8)
        self.second = nn.Conv2d(8, 6, 3, padding=1, stride=2)
        self.dense = nn.Linear(6 * 4 * 4, 4)

    def forward(self, images: Tensor) -> Tensor:
        features = functional.relu(self.norm(self.first(images)))
        return self.dense(self.second(features).flatten(1))


class Residual(nn.Module):
    """A block whose output is added to its input."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 8, 3, padding=1)
        self.inner = nn.Conv2d(8, 12, 1)
        self.outer = nn.Conv2d(12, 8, 1)
        self.dense = nn.Linear(8, 4)

    def forward(self, images: Tensor) -> Tensor:
        stream = self.stem(images)
        stream = stream + self.outer(functional.relu(self.inner(stream)))
        return self.dense(stream.mean((2, 3)))


class Chunked(nn.Module):
    """One half gates the other, and the halves swap places: the case torch-pruning gets wrong."""

    def __init__(self) -> None:
        super().__init__()
        self.wide = nn.Conv2d(3, 16, 3, padding=1)
        self.left = nn.Conv2d(8, 8, 1)
        self.dense = nn.Linear(16, 4)

    def forward(self, images: Tensor) -> Tensor:
        first, second = self.wide(images).chunk(2, dim=1)
        joined = torch.cat([torch.sigmoid(second), self.left(first)], dim=1)
        return self.dense(joined.mean((2, 3)))


class Dense(nn.Module):
    """Concatenated features, normalised together."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 8, 3, padding=1)
        self.grow = nn.Conv2d(8, 4, 3, padding=1)
        self.norm = nn.BatchNorm2d(12)
        self.last = nn.Conv2d(12, 8, 1)
        self.dense = nn.Linear(8, 4)

    def forward(self, images: Tensor) -> Tensor:
        stream = self.stem(images)
        stream = functional.relu(self.norm(torch.cat([stream, self.grow(stream)], dim=1)))
        return self.dense(self.last(stream).mean((2, 3)))


class Grouped(nn.Module):
    """A grouped and a depthwise convolution between pointwise ones."""

    def __init__(self) -> None:
        super().__init__()
        self.reduce = nn.Conv2d(3, 16, 1)
        self.grouped = nn.Conv2d(16, 32, 3, padding=1, groups=4)
        self.mix = nn.Conv2d(32, 8, 1)
        self.depthwise = nn.Conv2d(8, 8, 3, padding=1, groups=8)
        self.dense = nn.Linear(8, 4)

    def forward(self, images: Tensor) -> Tensor:
        features = functional.relu(self.grouped(functional.relu(self.reduce(images))))
        return self.dense(self.depthwise(self.mix(features)).mean((2, 3)))


class Excited(nn.Module):
    """Channels scaled by a squeeze-and-excitation branch."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 8, 3, padding=1)
        self.squeeze = nn.Linear(8, 4)
        self.excite = nn.Linear(4, 8)
        self.dense = nn.Linear(8, 4)

    def forward(self, images: Tensor) -> Tensor:
        features = self.stem(images)
        scale = torch.sigmoid(self.excite(functional.relu(self.squeeze(features.mean((2, 3))))))
        return self.dense((features * scale[:, :, None, None]).mean((2, 3)))


class LayerScaled(nn.Module):
    """A ConvNeXt block: channels last inside, layer norm, and a bare parameter as scale."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 8, 3, padding=1)
        self.depthwise = nn.Conv2d(8, 8, 3, padding=1, groups=8)
        self.norm = nn.LayerNorm(8)
        self.widen = nn.Linear(8, 16)
        self.narrow = nn.Linear(16, 8)
        self.scale = nn.Parameter(torch.full((8, 1, 1), 1e-6))
        self.dense = nn.Linear(8, 4)

    def forward(self, images: Tensor) -> Tensor:
        stream = self.stem(images)
        inner = self.norm(self.depthwise(stream).permute(0, 2, 3, 1))
        inner = self.narrow(functional.gelu(self.widen(inner))).permute(0, 3, 1, 2)
        return self.dense((stream + self.scale * inner).mean((2, 3)))


class Shuffled(nn.Module):
    """A channel shuffle, which no rule follows, behind a branch that can shrink."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(3, 8, 1)
        self.second = nn.Conv2d(8, 12, 1)
        self.dense = nn.Linear(12, 4)

    def forward(self, images: Tensor) -> Tensor:
        features = self.second(functional.relu(self.first(images)))
        batch, channels, height, width = features.shape
        shuffled = features.view(batch, 2, channels // 2, height, width).transpose(1, 2)
        return self.dense(shuffled.reshape(batch, channels, height, width).mean((2, 3)))


class Reader(nn.Module):
    """A head that mixes its features in a way nothing can trace, and cuts them itself."""

    def __init__(self) -> None:
        super().__init__()
        self.atoms = nn.Parameter(torch.randn(4, 8))

    def forward(self, features: Tensor) -> Tensor:
        return functional.normalize(features.mean((2, 3)), dim=1) @ functional.normalize(self.atoms, dim=1).T

    def keep_features(self, kept: Tensor) -> None:
        self.atoms = nn.Parameter(self.atoms.detach()[:, kept])


class Read(nn.Module):
    """A convolution before such a head."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 8, 3, padding=1)
        self.head = Reader()

    def forward(self, images: Tensor) -> Tensor:
        return self.head(self.stem(images))


NETWORKS: Final[dict[str, Callable[[], nn.Module]]] = {
    "plain": Plain,
    "residual": Residual,
    "chunked": Chunked,
    "dense": Dense,
    "grouped": Grouped,
    "excited": Excited,
    "layer-scaled": LayerScaled,
    "shuffled": Shuffled,
    "read": Read,
}


def build(name: str) -> nn.Module:
    """Build a network in eval mode, from seed 0, with batch norm statistics that are not trivial."""
    torch.manual_seed(0)
    model = NETWORKS[name]()
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean = torch.randn(module.num_features)
            module.running_var = torch.rand(module.num_features) + 0.5
    return model.eval()


def undelivered(model: nn.Module, pruned: Pruned) -> list[str]:
    """Name the sides of layers whose width is not the one that was planned; readers have none to read off."""
    lost: Counter[tuple[str, str]] = Counter()
    for group in pruned.groups:
        gone = group.num_channels - pruned.kept.get(group.index, group.num_channels)
        for slot in group.slots:
            if slot.side != "parameter" and not is_reader(model.get_submodule(slot.name)):
                lost[slot.name, slot.side] += gone * len(slot.places[0])
    wrong = []
    for (name, side), planned in lost.items():
        place = 0 if side == "in" else 1
        before, after = (sides(whole.get_submodule(name))[place] for whole in (model, pruned.model))
        if before - after != planned:
            wrong.append(f"{name} {side}: {before} -> {after} instead of {before - planned}")
    return wrong


@pytest.fixture
def built() -> Callable[[str], nn.Module]:
    """Return what builds a network by name."""
    return build


@pytest.fixture(params=sorted(NETWORKS))
def network(request: pytest.FixtureRequest) -> nn.Module:
    """Go through every network."""
    return build(request.param)


@pytest.fixture
def images() -> Tensor:
    """Make two images of 8x8 pixels."""
    return torch.randn(2, 3, 8, 8, generator=torch.Generator().manual_seed(1))
