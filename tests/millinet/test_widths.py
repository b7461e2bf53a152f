"""Widths travel as JSON and rebuild a pruned model exactly, or are refused whole."""

import copy
import json
from collections import OrderedDict
from typing import Any

import pytest
import torch
from torch import nn

from millinet.errors import ModelError
from millinet.widths import apply_widths, read_widths


def network() -> nn.Sequential:
    return nn.Sequential(
        OrderedDict(
            conv=nn.Conv2d(3, 8, 3, padding=1),
            norm=nn.BatchNorm2d(8),
            block=nn.Sequential(nn.Conv2d(8, 8, 3, padding=1, groups=8), nn.ReLU()),
            pool=nn.AdaptiveAvgPool2d(1),
            flat=nn.Flatten(),
            layer_norm=nn.LayerNorm(8),
            dense=nn.Linear(8, 4),
        )
    )


def narrowed(model: nn.Sequential) -> nn.Sequential:
    """Keep channels 0, 2, 4, 5 and 7 by hand."""
    kept = torch.tensor([0, 2, 4, 5, 7])
    small = copy.deepcopy(model)
    small.conv.weight = nn.Parameter(small.conv.weight[kept])
    small.conv.bias = nn.Parameter(small.conv.bias[kept])
    small.conv.out_channels = 5
    for name in ("weight", "bias"):
        setattr(small.norm, name, nn.Parameter(getattr(small.norm, name)[kept]))
        setattr(small.block[0], name, nn.Parameter(getattr(small.block[0], name)[kept]))
        setattr(small.layer_norm, name, nn.Parameter(getattr(small.layer_norm, name)[kept]))
    small.norm.running_mean = small.norm.running_mean[kept]
    small.norm.running_var = small.norm.running_var[kept]
    small.norm.num_features = 5
    small.block[0].in_channels = small.block[0].out_channels = small.block[0].groups = 5
    small.layer_norm.normalized_shape = (5,)
    small.dense.weight = nn.Parameter(small.dense.weight[:, kept])
    small.dense.in_features = 5
    return small


def test_a_rebuilt_model_equals_the_pruned_one() -> None:
    model = network()
    small = narrowed(model).eval()
    text = json.dumps(read_widths(model, small))

    rebuilt = network().eval()
    apply_widths(rebuilt, json.loads(text))
    rebuilt.load_state_dict(small.state_dict())

    images = torch.randn(2, 3, 6, 6, generator=torch.Generator().manual_seed(0))
    assert torch.equal(rebuilt(images), small(images))


def test_a_removed_block_is_an_identity_after_rebuilding() -> None:
    model = network()
    shallow = copy.deepcopy(model)
    shallow.block = nn.Identity()

    widths = read_widths(model, shallow)
    rebuilt = network()
    apply_widths(rebuilt, widths)

    assert widths["removed"] == ["block"]
    assert isinstance(rebuilt.block, nn.Identity)


def test_equal_models_differ_in_no_width() -> None:
    model = network()

    widths = read_widths(model, copy.deepcopy(model))

    assert widths == {"format": 1, "tensors": {}, "attributes": {}, "removed": []}


def test_a_frozen_parameter_stays_frozen() -> None:
    model = network()
    widths = read_widths(model, narrowed(model))
    model.conv.weight.requires_grad_(requires_grad=False)

    apply_widths(model, widths)

    assert not model.conv.weight.requires_grad


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"format": 2}, "format 1"),
        ({"tensors": None}, "damaged"),
        ({"tensors": {"conv.weights": [5, 3, 3, 3]}}, "conv.weights"),
        ({"tensors": {"conv.weight": [9, 3, 3, 3]}}, "can only shrink"),
        ({"tensors": {"conv.weight": [5, 3, 3]}}, "can only shrink"),
        ({"tensors": {"conv.weight": [0, 3, 3, 3]}}, "can only shrink"),
        ({"attributes": {"conv": {"out_channel": 5}}}, "no width"),
        ({"attributes": {"conv": {"out_channels": "5"}}}, "no width"),
        ({"attributes": {"conv": 5}}, "no width"),
        ({"attributes": {"convolution": {}}}, "lacks"),
        ({"removed": ["stage"]}, "lacks"),
    ],
)
def test_a_record_that_does_not_fit_is_refused_and_changes_nothing(
    change: dict[str, Any], message: str
) -> None:
    model = network()
    widths = read_widths(model, narrowed(model)) | change
    before = copy.deepcopy(model.state_dict())

    with pytest.raises(ModelError, match=message):
        apply_widths(model, widths)

    assert all(torch.equal(model.state_dict()[name], tensor) for name, tensor in before.items())


def test_models_of_different_code_have_no_widths_to_record() -> None:
    with pytest.raises(ModelError, match="only widths may differ"):
        read_widths(network(), nn.Linear(8, 4))
