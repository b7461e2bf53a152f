"""Every network of torchvision is pruned exactly, to the widths that were planned, or says why not."""

from typing import Any, Final

import pytest
import torch
from torchvision import models

from compress import prune
from compress.exactness import TOLERANCE
from tests.compress.conftest import undelivered

LEFT_OUT: Final = (
    *("regnet_x_32gf", "regnet_y_32gf", "regnet_y_128gf", "vit_l_16", "vit_l_32", "vit_h_14"),
    *("convnext_large", "efficientnet_v2_l", "wide_resnet101_2", "maxvit_t"),
    *("vgg11", "vgg13", "vgg16", "vgg19", "vgg11_bn", "vgg13_bn", "vgg16_bn", "vgg19_bn"),
)
"""Over 100 million parameters, several gigabytes in double precision, and built of the same blocks; MaxViT
takes minutes."""
TRANSFORMERS: Final = ("vit", "swin")
NEED_MORE: Final = {"inception_v3": 75, "alexnet": 96}
"""Pixels a side, where 64 are too few."""


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in models.list_models(module=models) if name not in LEFT_OUT])
def test_every_network_is_exact_has_its_planned_widths_and_explains_the_others(name: str) -> None:
    # Auxiliary classifiers exist for training only.
    auxiliary: dict[str, Any] = {"aux_logits": False, "init_weights": False}
    options = auxiliary if name in ("googlenet", "inception_v3") else {}
    model = models.get_model(name, weights=None, num_classes=10, **options)
    size = 224 if name.startswith(TRANSFORMERS) else NEED_MORE.get(name, 64)

    pruned = prune(model, torch.zeros(1, 3, size, size), channel_ratio=0.5)

    assert pruned.error <= TOLERANCE
    assert undelivered(model, pruned) == []
    assert all((group.index in pruned.kept) != bool(group.reason) for group in pruned.groups)
    assert all(module.training for module in model.modules())
