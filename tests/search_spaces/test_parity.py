"""Every network that torchvision or timm has too gives its outputs with its weights, and counts the same."""

from collections.abc import Iterator

import pytest
import timm
import torch
import torchvision
from torch import Tensor, nn

from search_spaces import network

REFERENCES = [
    "convnext_tiny",
    "dpn92",
    "efficientnet_v2_s",
    "mobilenet_v2",
    "resnet18",
    "resnet34",
    "resnet50",
    "resnet101",
    "resnet152",
    "resnext50_32x4d",
    "resnext101_32x8d",
    "vgg11_bn",
    "vgg13_bn",
    "vgg16_bn",
    "vgg19_bn",
    "wide_resnet50_2",
    "wide_resnet101_2",
]


def reference(name: str, *, in_channels: int = 3) -> nn.Module:
    if name == "dpn92":
        return timm.create_model("dpn92", pretrained=False)
    model: nn.Module = torchvision.models.get_model(name)
    if in_channels != 3:
        model.conv1 = nn.Conv2d(in_channels, 64, 7, 2, 3, bias=False)
    return model.eval()


def take_weights(ours: nn.Module, theirs: nn.Module) -> None:
    """Copy weights in the order of the forward pass, which both list their tensors in.

    Where ours keeps in two convolutions what theirs has in one, the rows are dealt out.
    """
    rows = deal(iter(theirs.state_dict().values()), [tensor.shape for tensor in ours.state_dict().values()])
    ours.load_state_dict(dict(zip(ours.state_dict(), rows, strict=True)))


def deal(tensors: Iterator[Tensor], shapes: list[torch.Size]) -> Iterator[Tensor]:
    left = None
    for shape in shapes:
        tensor = next(tensors) if left is None else left
        num_rows = shape[0] if shape else 1
        left = tensor[num_rows:] if tensor.dim() and len(tensor) > num_rows else None
        yield (tensor[:num_rows] if tensor.dim() else tensor).reshape(shape)
    assert left is None
    assert next(tensors, None) is None


def shake(model: nn.Module) -> None:
    """Give norms and layer scales values at which a mistake in their place would show."""
    with torch.no_grad():
        for module in model.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.running_mean.normal_(0.0, 0.1)
                module.running_var.uniform_(0.8, 1.2)
        for name, weight in model.named_parameters():
            if weight.dim() == 1 or "layer_scale" in name:
                weight.add_(torch.rand_like(weight) * 0.2)


def largest_difference(ours: nn.Module, theirs: nn.Module, images: Tensor) -> float:
    with torch.no_grad():
        expected = theirs.eval()(images)
        found = ours.eval()(images)
    return ((found - expected).abs().max() / expected.abs().max()).item()


@pytest.mark.parametrize("name", REFERENCES)
def test_weights_of_the_reference_give_its_outputs(name: str) -> None:
    theirs = reference(name)
    shake(theirs)
    ours = network(name).build()
    take_weights(ours, theirs)

    assert largest_difference(ours, theirs, torch.randn(2, 3, 64, 64)) <= 1e-5


def test_resnet18_for_grey_images_equals_the_reference_with_one_channel() -> None:
    theirs = reference("resnet18", in_channels=1)
    ours = network("resnet18", in_channels=1, num_classes=1000).build()
    take_weights(ours, theirs)

    assert largest_difference(ours, theirs, torch.randn(2, 1, 64, 64)) <= 1e-5


@pytest.mark.parametrize("name", REFERENCES)
def test_as_many_parameters_as_the_reference(name: str) -> None:
    with torch.device("meta"):
        theirs = reference(name)

    assert network(name).costs().parameters == sum(weight.numel() for weight in theirs.parameters())
