"""Pruning reaches its target, stays exact, and leaves its input alone."""

import copy
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torchvision import models

from compress import ALLOCATIONS, prune
from compress.channels import removed_places
from compress.exactness import TOLERANCE, check_exact
from compress.groups import trace_groups
from compress.surgery import remove_channels
from millinet.costs import count
from millinet.errors import ConfigError, ExactnessError, InfeasibleBudgetError, ModelError
from millinet.frames import LAYERS
from millinet.widths import apply_widths
from tests.compress.conftest import undelivered

Build = Callable[[str], nn.Module]


def test_half_of_the_channels_stay_and_the_rest_is_exact(network: nn.Module, images: Tensor) -> None:
    pruned = prune(network, images, channel_ratio=0.5, min_channels=2)

    assert pruned.error <= TOLERANCE
    for group in pruned.groups:
        if group.is_prunable:
            assert pruned.kept[group.index] == group.num_channels // 2


def test_a_black_example_does_not_blind_the_exactness_check(
    built: Build, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[Tensor] = []

    def checked(*given: Any) -> float:
        seen.append(given[2])
        return check_exact(*given)

    monkeypatch.setattr("compress.step.check_exact", checked)

    prune(built("plain"), torch.zeros(1, 3, 8, 8), channel_ratio=0.5, min_channels=1)

    assert float(seen[0].std()) > 0.5


def test_planned_widths_are_delivered_widths(network: nn.Module, images: Tensor) -> None:
    pruned = prune(network, images, channel_ratio=0.5, min_channels=1)

    assert any(pruned.kept[group.index] < group.num_channels for group in pruned.groups if group.is_prunable)
    assert undelivered(network, pruned) == []


def test_a_pruned_model_rebuilds_from_its_widths_and_weights(network: nn.Module, images: Tensor) -> None:
    pruned = prune(network, images, channel_ratio=0.5, min_channels=1)

    rebuilt = copy.deepcopy(network)
    apply_widths(rebuilt, pruned.widths)
    rebuilt.load_state_dict(pruned.model.state_dict())

    assert torch.equal(rebuilt(images), pruned.model(images))


def test_the_caller_s_model_is_left_as_it_was(network: nn.Module, images: Tensor) -> None:
    network.train()
    before = copy.deepcopy(network.state_dict())

    pruned = prune(network, images, channel_ratio=0.5, min_channels=1)

    assert network.training
    assert pruned.model.training
    assert all(torch.equal(tensor, before[name]) for name, tensor in network.state_dict().items())


@pytest.mark.parametrize("allocation", ALLOCATIONS)
@pytest.mark.parametrize("target", ["macs_ratio", "params_ratio"])
def test_every_allocation_comes_under_the_target_and_near_it(allocation: str, target: str) -> None:
    model = models.resnet18(num_classes=10)
    example = torch.zeros(1, 3, 32, 32)

    pruned = prune(model, example, allocation=allocation, **{target: 0.5})

    before, after = count(model, example), count(pruned.model, example)
    share = after.macs / before.macs if target == "macs_ratio" else after.parameters / before.parameters
    assert 0.46 <= share <= 0.5


@pytest.mark.parametrize("target", ["macs_ratio", "params_ratio"])
def test_what_is_counted_is_met_to_a_percent(target: str) -> None:
    model = models.resnet18(num_classes=10)
    example = torch.zeros(1, 3, 32, 32)

    pruned = prune(model, example, **{target: 0.5})

    before, after = count(model, example), count(pruned.model, example)
    share = after.macs / before.macs if target == "macs_ratio" else after.parameters / before.parameters
    assert 0.495 <= share <= 0.5


def test_widths_of_grouped_convolutions_are_multiples_of_eight() -> None:
    model = models.resnext50_32x4d(num_classes=10)

    pruned = prune(model, torch.zeros(1, 3, 64, 64), channel_ratio=0.6, round_to=8)

    widths = [m.out_channels for m in pruned.model.modules() if isinstance(m, nn.Conv2d)]
    assert all(width % 8 == 0 for width in widths)
    assert all(group.index in pruned.kept for group in pruned.groups if group.is_prunable)


def test_minima_and_maxima_hold_in_every_group(network: nn.Module, images: Tensor) -> None:
    pruned = prune(network, images, channel_ratio=0.05, min_channels=3, max_removed=0.5)

    for group in pruned.groups:
        if group.index in pruned.kept:
            kept = pruned.kept[group.index]
            assert kept >= group.num_channels / 2
            assert kept * group.unit >= 3


def test_the_layers_frame_says_what_each_layer_lost_and_why_not(built: Build, images: Tensor) -> None:
    pruned = prune(built("plain"), images, channel_ratio=0.5, min_channels=1)

    frame = LAYERS.check(pruned.layers).set_index("layer")
    assert frame.loc["first", "out_after"] == 4
    assert frame.loc["dense", "in_after"] == 48
    assert frame.loc["dense", "note"] == "left alone: it is the model's output"


def test_what_kept_its_width_says_so_and_why(built: Build, images: Tensor) -> None:
    whole = prune(built("plain"), images, macs_ratio=0.99, min_channels=1)
    narrow = prune(built("plain"), images, channel_ratio=0.5, min_channels=6)

    notes = whole.layers.set_index("layer")["note"]
    assert "kept whole: the target was met without it" in set(notes[["first", "second"]])
    reasons = {group.name: group.reason for group in narrow.groups}
    assert reasons["second"] == "min_channels, max_removed and round_to allow it no narrower width"
    assert narrow.layers.set_index("layer").loc["second", "note"] == f"left alone: {reasons['second']}"


def test_several_steps_recover_after_each(built: Build, images: Tensor) -> None:
    seen: list[int] = []

    prune(
        built("plain"),
        images,
        macs_ratio=0.5,
        steps=3,
        min_channels=1,
        recover=lambda model: seen.append(count(model, images).macs),
    )

    assert len(seen) == 3
    assert seen[0] > seen[1] > seen[2]


def test_the_gate_names_a_surgery_that_took_the_wrong_channel(built: Build, images: Tensor) -> None:
    model = built("plain")
    groups = trace_groups(copy.deepcopy(model), images)
    kept, wrong = {0: [0, 1, 2, 3]}, {0: [4, 5, 6, 7]}
    pruned = copy.deepcopy(model)
    remove_channels(pruned, groups, wrong)

    with pytest.raises(ExactnessError, match="first"):
        check_exact(model, pruned, images, groups, kept)


def test_removing_nothing_leaves_nothing_to_remove(built: Build, images: Tensor) -> None:
    groups = trace_groups(built("plain"), images)

    assert removed_places(groups, {}) == {}


def test_an_unreachable_target_is_refused_with_the_floor(built: Build, images: Tensor) -> None:
    with pytest.raises(InfeasibleBudgetError, match="narrowest"):
        prune(built("plain"), images, macs_ratio=0.01, min_channels=4)


def test_a_refusal_names_the_protected_layers_that_make_it_impossible(built: Build, images: Tensor) -> None:
    # The stem's eight channels may become one, the block's twelve two: 27 + 2 + 2 for each of 64 pixels.
    with pytest.raises(
        InfeasibleBudgetError, match=r"protecting inner that makes it impossible.* about 1,988 "
    ):
        prune(built("residual"), images, macs_ratio=0.1, min_channels=1, protect=("inner",))


def test_a_refusal_tells_why_groups_cannot_shrink(built: Build, images: Tensor) -> None:
    with pytest.raises(
        InfeasibleBudgetError,
        match=r"1 of 3 groups of channels cannot shrink \(View from .* mixes channels\)",
    ):
        prune(built("shuffled"), images, macs_ratio=0.05, min_channels=1)


def test_protected_layers_are_not_blamed_for_what_no_pruning_reaches(built: Build, images: Tensor) -> None:
    with pytest.raises(InfeasibleBudgetError, match=r"without protecting first .* is not enough either"):
        prune(built("plain"), images, macs_ratio=0.001, min_channels=4, protect=("first",))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "exactly one target"),
        ({"macs_ratio": 0.5, "channel_ratio": 0.5}, "exactly one target"),
        ({"macs_ratio": 1.5}, "fraction that stays"),
        ({"channel_ratio": 0.0}, "fraction that stays"),
        ({"macs_ratio": 0.5, "criterion": "lampe"}, "did you mean 'lamp'"),
        ({"macs_ratio": 0.5, "allocation": "unifrom"}, "did you mean 'uniform'"),
        ({"macs_ratio": "half"}, "fraction that stays"),
        ({"budget": 3}, "budget is text"),
        ({"macs_ratio": 0.5, "protect": "first"}, "protect is a sequence"),
        ({"macs_ratio": 0.5, "steps": 0}, "steps must be a whole number of at least 1"),
        ({"macs_ratio": 0.5, "round_to": 8.5}, "round_to must be a whole number"),
        ({"macs_ratio": 0.5, "max_removed": 0.0}, "max_removed"),
        ({"budget": "fast"}, "cannot read the latency budget"),
    ],
)
def test_settings_that_cannot_work_are_refused(
    options: dict[str, Any], message: str, built: Build, images: Tensor
) -> None:
    with pytest.raises(ConfigError, match=message):
        prune(built("plain"), images, **options)


def test_a_model_with_nothing_to_prune_says_why(images: Tensor) -> None:
    model = nn.Sequential(nn.Flatten(), nn.Linear(192, 4))

    with pytest.raises(ModelError, match="the model's output"):
        prune(model, images, macs_ratio=0.5)
