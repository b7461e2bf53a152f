"""Every criterion in the table keeps the promises of the table."""

import copy
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from compress import CRITERIA, find_groups, prune
from compress.channels import ChannelGroup
from compress.exactness import ignoring
from millinet.errors import ConfigError


class Network(nn.Module):
    """A stem with batch norm, a residual block and a linear classifier."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 6, 3, padding=1)
        self.norm = nn.BatchNorm2d(6)
        self.inner = nn.Conv2d(6, 8, 3, padding=1)
        self.inner_norm = nn.BatchNorm2d(8)
        self.outer = nn.Conv2d(8, 6, 1)
        self.dense = nn.Linear(6, 3)

    def forward(self, images: Tensor) -> Tensor:
        stream = functional.relu(self.norm(self.stem(images)))
        branch = functional.relu(self.inner_norm(self.inner(stream)))
        return self.dense((stream + self.outer(branch)).mean((2, 3)))


@pytest.fixture
def model() -> nn.Module:
    torch.manual_seed(0)
    network = Network()
    network(torch.randn(64, 3, 6, 6))
    return network.eval()


@pytest.fixture
def batches() -> list[tuple[Tensor, Tensor]]:
    generator = torch.Generator().manual_seed(1)
    images = torch.randn(24, 3, 6, 6, generator=generator)
    labels = torch.randint(3, (24,), generator=generator)
    return [(images[:16], labels[:16]), (images[16:], labels[16:])]


def prunable(model: nn.Module) -> list[ChannelGroup]:
    return [group for group in find_groups(model, torch.zeros(2, 3, 6, 6)) if group.is_prunable]


@pytest.mark.parametrize("name", CRITERIA)
def test_there_is_one_finite_score_a_channel(name: str, model: nn.Module, batches: Any) -> None:
    groups = prunable(model)

    scores = CRITERIA[name].score(model, groups, batches)

    assert [score.shape for score in scores] == [(group.num_channels,) for group in groups]
    assert all(bool(score.isfinite().all()) and bool((score >= 0).all()) for score in scores)


@pytest.mark.parametrize("name", CRITERIA)
def test_scores_are_the_same_twice_and_leave_the_model_alone(
    name: str, model: nn.Module, batches: Any
) -> None:
    groups = prunable(model)
    before = copy.deepcopy(model.state_dict())

    first = CRITERIA[name].score(model, groups, batches)
    second = CRITERIA[name].score(model, groups, batches)

    assert all(torch.equal(one, other) for one, other in zip(first, second, strict=True))
    assert all(torch.equal(tensor, before[key]) for key, tensor in model.state_dict().items())
    assert all(parameter.grad is None for parameter in model.parameters())
    assert all(not module._forward_pre_hooks for module in model.modules())


@pytest.mark.parametrize("name", CRITERIA)
def test_batches_may_be_cut_anywhere(name: str, model: nn.Module, batches: Any) -> None:
    groups = prunable(model)
    images, labels = (torch.cat(parts) for parts in zip(*batches, strict=True))

    halves = CRITERIA[name].score(model, groups, batches)
    whole = CRITERIA[name].score(model, groups, [(images, labels)])

    for one, other in zip(halves, whole, strict=True):
        torch.testing.assert_close(one, other)


@pytest.mark.parametrize("name", CRITERIA)
def test_every_criterion_prunes(name: str, model: nn.Module, batches: Any) -> None:
    pruned = prune(
        model, torch.zeros(2, 3, 6, 6), macs_ratio=0.5, criterion=name, min_channels=1, data=batches
    )

    assert pruned.model(torch.zeros(2, 3, 6, 6)).shape == (2, 3)


@pytest.mark.parametrize("name", [name for name, criterion in CRITERIA.items() if criterion.needs_data])
def test_a_criterion_that_looks_at_data_asks_for_it(name: str, model: nn.Module) -> None:
    with pytest.raises(ConfigError, match="looks at data"):
        prune(model, torch.zeros(2, 3, 6, 6), macs_ratio=0.5, criterion=name)


def test_gate_gradients_are_the_slope_of_the_loss_along_a_closing_gate(
    model: nn.Module, batches: Any
) -> None:
    groups = prunable(model)
    images, labels = (torch.cat(parts) for parts in zip(*batches, strict=True))
    step = 1e-5

    scores = CRITERIA["taylor"].score(model.double(), groups, [(images.double(), labels)])

    for group, score in zip(groups, scores, strict=True):
        for channel in range(group.num_channels):
            slope = (
                loss(model, groups, group, channel, images, labels, 1 - step)
                - loss(model, groups, group, channel, images, labels, 1 + step)
            ) / (2 * step)
            assert float(score[channel]) == pytest.approx(abs(slope), rel=1e-3, abs=1e-6)


@pytest.mark.parametrize("name", ["taylor", "fisher"])
def test_channels_that_score_low_are_those_that_change_the_loss_least(
    name: str, model: nn.Module, batches: Any
) -> None:
    groups = prunable(model)
    images, labels = (torch.cat(parts) for parts in zip(*batches, strict=True))
    inner = next(group for group in groups if group.name == "inner")
    # A channel whose consumers ignore it changes nothing: brute force and criterion must agree on that.
    with torch.no_grad():
        model.outer.weight[:, 3] = 0.0

    scores = CRITERIA[name].score(model, groups, batches)[groups.index(inner)]
    with torch.no_grad():
        full = float(functional.cross_entropy(model(images), labels))
    changes = [
        abs(loss(model, groups, inner, channel, images, labels, 0.0) - full)
        for channel in range(inner.num_channels)
    ]

    assert int(scores.argmin()) == int(torch.tensor(changes).argmin()) == 3
    assert float(scores[3]) == 0.0


def loss(  # noqa: PLR0913
    model: nn.Module,
    groups: list[ChannelGroup],
    group: ChannelGroup,
    channel: int,
    images: Tensor,
    labels: Tensor,
    gate: float,
) -> float:
    """Return the loss with one channel multiplied by `gate` where it is read."""
    double = copy.deepcopy(model).double()
    kept = {group.index: [other for other in range(group.num_channels) if other != channel]}
    closed, _ = ignoring(double, groups, kept)
    opened, shut = double.state_dict(), closed.state_dict()
    mixed = {name: gate * opened[name] + (1 - gate) * shut[name] for name in opened if "num_b" not in name}
    double.load_state_dict(mixed, strict=False)
    with torch.no_grad():
        return float(functional.cross_entropy(double(images.double()), labels))
