"""Every network torchvision has too gives its outputs with its weights, and counts the same parameters."""

import pytest
import torch
import torchvision

from search_spaces import network

REFERENCES = [
    "resnet18",
    "resnet34",
    "resnet50",
    "mobilenet_v2",
]


@pytest.mark.parametrize("name", REFERENCES)
def test_weights_of_torchvision_give_the_outputs_of_torchvision(name: str) -> None:
    theirs = torchvision.models.get_model(name).eval()
    ours = network(name).build().eval()
    # Both list their tensors in the order of the forward pass, so the order is the mapping.
    ours.load_state_dict(dict(zip(ours.state_dict(), theirs.state_dict().values(), strict=True)))
    images = torch.randn(2, 3, 64, 64)

    with torch.no_grad():
        difference = (ours(images) - theirs(images)).abs().max() / theirs(images).abs().max()

    assert difference <= 1e-5


@pytest.mark.parametrize("name", REFERENCES)
def test_as_many_parameters_as_torchvision(name: str) -> None:
    with torch.device("meta"):
        theirs = torchvision.models.get_model(name)

    assert network(name).costs().parameters == sum(weight.numel() for weight in theirs.parameters())
