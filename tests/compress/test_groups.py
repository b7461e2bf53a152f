"""Groups couple exactly the channels that must go together."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torchvision import models

from compress import find_groups, prune
from millinet.costs import count
from millinet.errors import ConfigError
from millinet.models import load_model

Build = Callable[[str], nn.Module]


def places(model: nn.Module, images: Tensor) -> dict[str, dict[tuple[str, str], list[tuple[int, ...]]]]:
    return {
        group.name: {(slot.name, slot.side): list(slot.places) for slot in group.slots}
        for group in find_groups(model, images)
        if group.is_prunable
    }


def test_a_flattened_channel_is_all_its_pixels_in_the_linear_layer(built: Build, images: Tensor) -> None:
    found = places(built("plain"), images)

    assert found["second"]["dense", "in"][1] == tuple(range(16, 32))


def test_a_residual_stream_is_one_group_of_all_that_write_and_read_it(built: Build, images: Tensor) -> None:
    found = places(built("residual"), images)

    assert set(found["stem"]) == {("stem", "out"), ("outer", "out"), ("inner", "in"), ("dense", "in")}


def test_halves_of_a_chunk_shrink_together_and_keep_their_consumers(built: Build, images: Tensor) -> None:
    found = places(built("chunked"), images)

    # Output 3 feeds `left`; its twin 11, of the second half, comes first in the concatenation.
    assert found["wide"]["wide", "out"][3] == (3, 11)
    assert found["wide"]["left", "in"][3] == (3,)
    assert found["wide"]["dense", "in"][3] == (3,)


def test_concatenated_channels_keep_their_offsets(built: Build, images: Tensor) -> None:
    found = places(built("dense"), images)

    assert found["grow"]["last", "in"] == [(8,), (9,), (10,), (11,)]
    assert found["grow"]["norm", "through"] == [(8,), (9,), (10,), (11,)]


def test_a_grouped_convolution_loses_whole_groups(built: Build, images: Tensor) -> None:
    found = places(built("grouped"), images)

    assert found["reduce"]["grouped", "in"][1] == (4, 5, 6, 7)
    assert found["reduce"]["grouped", "out"][1] == tuple(range(8, 16))


def test_a_bare_parameter_is_cut_with_its_channels(built: Build, images: Tensor) -> None:
    found = places(built("layer-scaled"), images)

    assert found["stem"]["scale", "parameter"] == [(index,) for index in range(8)]


def test_a_shuffle_is_left_alone_with_its_shapes_as_reason(built: Build, images: Tensor) -> None:
    reasons = {group.name: group.reason for group in find_groups(built("shuffled"), images)}

    assert reasons["first"] == ""
    assert "View from [2, 12, 8, 8] to [2, 2, 6, 8, 8] mixes channels" in reasons["second"]


def test_a_head_that_cuts_its_own_features_is_part_of_their_group(built: Build, images: Tensor) -> None:
    found = places(built("read"), images)

    assert found["stem"]["head", "in"] == [(index,) for index in range(8)]


def test_the_output_and_protected_layers_are_left_alone(built: Build, images: Tensor) -> None:
    groups = find_groups(built("plain"), images, protect=("first",))

    reasons = {group.name: group.reason for group in groups}
    assert reasons == {
        "first": "first is protected",
        "second": "",
        "dense": "it is the model's output",
    }


def test_protecting_an_unknown_module_is_refused(built: Build, images: Tensor) -> None:
    with pytest.raises(ConfigError, match="'frist'"):
        find_groups(built("plain"), images, protect=("frist",))


def test_finding_groups_leaves_the_model_as_it_was(built: Build, images: Tensor) -> None:
    model = built("dense").train()
    model.stem.weight.requires_grad_(False)
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}

    find_groups(model, images)

    assert model.training
    assert not model.stem.weight.requires_grad
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())
    assert all(not module._forward_hooks for module in model.modules())


@pytest.mark.parametrize(
    ("name", "num_groups"),
    [
        ("resnet18", 12),
        ("resnet50", 37),
        pytest.param("vgg11_bn", 10, marks=pytest.mark.slow),
        ("mobilenet_v2", 25),
        ("resnext50_32x4d", 21),
        ("mobilenet_v3_small", 27),
        ("densenet121", 120),
        ("convnext_tiny", 22),
        ("regnet_x_400mf", 27),
        ("regnet_y_400mf", 37),
        ("efficientnet_b0", 40),
        ("mnasnet0_5", 25),
        ("squeezenet1_0", 25),
        ("shufflenet_v2_x0_5", 18),
    ],
)
def test_every_family_of_torchvision_can_shrink_in_all_its_groups(name: str, num_groups: int) -> None:
    model = models.get_model(name, weights=None).eval()

    groups = find_groups(model, torch.randn(2, 3, 64, 64))

    assert sum(group.is_prunable for group in groups) == num_groups


@pytest.mark.parametrize(
    ("source", "num_groups"),
    [
        ("torchvision:regnet_y_400mf", 37),
        ("torchvision:shufflenet_v2_x0_5", 18),
        pytest.param("timm:dpn68", 49, marks=pytest.mark.slow),
        pytest.param("timm:dpn92", 65, marks=pytest.mark.slow),
        pytest.param("torchvision:wide_resnet50_2", 37, marks=pytest.mark.slow),
        pytest.param("torchvision:googlenet", 57, marks=pytest.mark.slow),
    ],
)
def test_a_network_of_every_kind_shrinks_to_half_its_macs(source: str, num_groups: int) -> None:
    model = load_model(source, num_classes=10, in_channels=3, resolution=(64, 64)).model
    example = torch.zeros(1, 3, 64, 64)

    pruned = prune(model, example, macs_ratio=0.5)

    assert len(pruned.kept) == num_groups
    assert count(pruned.model, example).macs <= 0.5 * count(model, example).macs
