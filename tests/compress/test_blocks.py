"""Residual blocks are recognised, and go whole where that is the better bargain."""

import copy

import torch
from torch import Tensor, nn
from torchvision import models

from compress import prune
from compress.blocks import find_blocks
from millinet.costs import count
from millinet.widths import apply_widths


class Branch(nn.Module):
    """Adds one convolution to its input."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = nn.Conv2d(8, 8, 3, padding=1)

    def forward(self, images: Tensor) -> Tensor:
        return images + self.inner(images)


class Deep(nn.Module):
    """Two residual blocks, of which the second adds next to nothing, and one layer that is none."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 8, 3, padding=1)
        self.first = Branch()
        self.second = Branch()
        self.plain = nn.Sequential(nn.Conv2d(8, 8, 1), nn.ReLU())
        self.dense = nn.Linear(8, 4)
        with torch.no_grad():
            self.second.inner.weight.mul_(1e-3)
            self.second.inner.bias.mul_(1e-3)

    def forward(self, images: Tensor) -> Tensor:
        return self.dense(self.plain(self.second(self.first(self.stem(images)))).mean((2, 3)))


def test_the_blocks_of_a_resnet_that_keep_their_shape_are_found() -> None:
    blocks = find_blocks(models.resnet18().eval(), torch.randn(2, 3, 32, 32))

    assert [block.name for block in blocks] == ["layer1.0", "layer1.1", "layer2.1", "layer3.1", "layer4.1"]


def test_a_protected_layer_keeps_its_block() -> None:
    blocks = find_blocks(Deep().eval(), torch.randn(2, 3, 8, 8), protect=("first.inner",))

    assert [block.name for block in blocks] == ["second"]


def test_the_blocks_of_a_protected_stage_stay() -> None:
    model = models.resnet18().eval()

    blocks = find_blocks(model, torch.randn(2, 3, 32, 32), protect=("layer1", "layer2.1.conv1", "layer"))

    assert [block.name for block in blocks] == ["layer3.1", "layer4.1"]


def test_a_protected_block_keeps_its_width_and_its_place() -> None:
    pruned = prune(
        Deep().eval(),
        torch.randn(2, 3, 8, 8),
        macs_ratio=0.9,
        remove_blocks=True,
        min_channels=1,
        protect=("second",),
    )

    assert "second" not in pruned.widths.get("removed", [])
    assert pruned.model.get_submodule("second.inner").weight.shape[0] == 8


def test_the_block_that_adds_least_goes_first() -> None:
    model = Deep().eval()
    example = torch.randn(2, 3, 8, 8)

    pruned = prune(model, example, macs_ratio=0.7, remove_blocks=True, max_removed=0.2)

    assert pruned.widths["removed"] == ["second"]
    assert count(pruned.model, example).macs <= 0.7 * count(model, example).macs


def test_a_model_without_its_blocks_rebuilds_from_widths() -> None:
    model = Deep().eval()
    example = torch.randn(2, 3, 8, 8)
    pruned = prune(model, example, macs_ratio=0.5, remove_blocks=True, min_channels=1)

    rebuilt = copy.deepcopy(model)
    apply_widths(rebuilt, pruned.widths)
    rebuilt.load_state_dict(pruned.model.state_dict())

    assert torch.equal(rebuilt(example), pruned.model(example))
