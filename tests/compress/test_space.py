"""Every block and head of the search spaces can shrink in all its groups."""

from typing import Any, Final

import pytest
import torch
from torch import nn

from compress import find_groups, prune
from millinet.latency import inference_form
from search_spaces import BLOCKS, HEADS, Architecture, Head, Stage, Stem, network

LEFT_ALONE: Final = {"it is the model's output", "it has one channel"}
OPTIONS: Final[dict[str, dict[str, Any]]] = {
    "dual_path": {"middle": 16, "dense": 8, "groups": 2},
    "dual_path_pre": {"middle": 16, "dense": 8, "groups": 2},
    "gnconv": {"scale": 0.5},
}


def built(*, block: str = "basic", head: str = "dense") -> nn.Module:
    """Build a network with the block at stride 1, at stride 2 and repeated."""
    options = OPTIONS.get(block, {})
    architecture = Architecture(
        in_channels=3,
        num_classes=4,
        resolution=(16, 16),
        stem=Stem(name="conv3", width=16),
        stages=(
            Stage(block=block, depth=2, width=16, options=options),
            Stage(block=block, depth=2, width=32, stride=2, options=options),
        ),
        head=Head(name=head),
    )
    torch.manual_seed(0)
    return architecture.build().eval()


def reasons(model: nn.Module, size: int = 16) -> set[str]:
    groups = find_groups(model.eval(), torch.randn(2, 3, size, size))
    assert any(group.is_prunable for group in groups)
    return {group.reason for group in groups if not group.is_prunable}


@pytest.mark.parametrize("name", ["resnet20", "mobilenet_v2", "dpn92_small", "hornet_tiny", "vgg_small"])
def test_a_named_network_shrinks_everywhere_but_at_its_output(name: str) -> None:
    model = network(name, num_classes=10, in_channels=3, resolution=(32, 32)).build()

    assert reasons(model, 32) <= LEFT_ALONE


@pytest.mark.parametrize("block", BLOCKS)
def test_every_block_shrinks_everywhere(block: str) -> None:
    assert reasons(built(block=block)) <= LEFT_ALONE


@pytest.mark.parametrize("block", BLOCKS)
def test_what_is_left_of_every_block_is_deployed_as_it_is(block: str) -> None:
    model, images = built(block=block), torch.randn(4, 3, 16, 16)
    with torch.no_grad():
        model.train()(images + 0.5)
    pruned = prune(model.eval(), images, channel_ratio=0.5).model
    deployed = inference_form(pruned, images)

    with torch.no_grad():
        torch.testing.assert_close(deployed(images), pruned(images), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("head", HEADS)
def test_every_head_loses_input_features_exactly(head: str) -> None:
    pruned = prune(built(head=head), torch.randn(2, 3, 16, 16), channel_ratio=0.5)

    assert pruned.error <= 1e-5
    readers = [
        slot for group in pruned.groups if group.is_prunable for slot in group.slots if slot.side == "in"
    ]
    assert any(slot.name.startswith("head") for slot in readers)
