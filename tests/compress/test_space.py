"""Every block and head of the search spaces can shrink in all its groups."""

import numpy as np
import pytest
import torch
from torch import nn

from compress import find_groups, prune
from search_spaces import BLOCKS, load_space, network

LEFT_ALONE = {"it is the model's output", "it has one channel"}


def reasons(model: nn.Module) -> set[str]:
    groups = find_groups(model.eval(), torch.randn(2, 3, 32, 32))
    assert any(group.is_prunable for group in groups)
    return {group.reason for group in groups if not group.is_prunable}


@pytest.mark.parametrize("name", ["resnet20", "mobilenet_v2", "dpn92_small", "hornet_tiny", "vgg_small"])
def test_a_named_network_shrinks_everywhere_but_at_its_output(name: str) -> None:
    model = network(name, num_classes=10, in_channels=3, resolution=(32, 32)).build()

    assert reasons(model) <= LEFT_ALONE


@pytest.mark.parametrize("block", BLOCKS)
def test_every_block_shrinks_everywhere(block: str) -> None:
    space = load_space("convnet")
    rng = np.random.default_rng(0)
    drawn = (space.sample(rng) for _ in range(400))
    architecture = next((found for found in drawn if block in found.blocks), None)
    if architecture is None:
        pytest.skip(f"the convnet space does not draw {block}")

    assert reasons(architecture.build()) <= LEFT_ALONE


def test_the_sparse_coded_head_loses_input_features_exactly() -> None:
    space = load_space("convnet")
    rng = np.random.default_rng(0)
    drawn = (space.sample(rng) for _ in range(400))
    model = next(found for found in drawn if found.head_name == "sparse-coded").build().eval()

    pruned = prune(model, torch.randn(2, 3, 32, 32), channel_ratio=0.5)

    assert pruned.error <= 1e-5
    assert any(slot.name == "head" and group.is_prunable for group in pruned.groups for slot in group.slots)
