"""HorNet equals a plain network written out here from its paper (Rao et al., 2022)."""

from itertools import pairwise

import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from search_spaces import Architecture, Layers, Place, Stage, Stem, network, reparameterise
from search_spaces.blocks import GnConv


class SplitGatedConv(nn.Module):
    """The gated convolution with one projection and one depthwise convolution, split by order."""

    def __init__(self, dim: int, order: int) -> None:
        super().__init__()
        self.dims = [dim // 2**i for i in range(order)][::-1]
        self.proj_in = nn.Conv2d(dim, 2 * dim, 1)
        self.dwconv = nn.Conv2d(sum(self.dims), sum(self.dims), 7, padding=3, groups=sum(self.dims))
        self.pws = nn.ModuleList(nn.Conv2d(self.dims[i], self.dims[i + 1], 1) for i in range(order - 1))
        self.proj_out = nn.Conv2d(dim, dim, 1)

    def forward(self, x: Tensor) -> Tensor:
        gate, features = torch.split(self.proj_in(x), (self.dims[0], sum(self.dims)), dim=1)
        orders = torch.split(self.dwconv(features) / 3, self.dims, dim=1)
        out = gate * orders[0]
        for pointwise, features in zip(self.pws, orders[1:], strict=True):
            out = pointwise(out) * features
        return self.proj_out(out)


@pytest.mark.parametrize("order", [2, 3, 4, 5])
def test_gated_convolution_equals_the_split_form(order: int) -> None:
    layers = Layers(norm="layer", norm_eps=1e-6, bias="always")
    place = Place(in_channels=32, out_channels=32, resolution=(9, 9), layers=layers)
    ours, theirs = GnConv(place, order=order).gated, SplitGatedConv(32, order)
    ours.load_state_dict(gated_weights(theirs))
    x = torch.randn(2, 32, 9, 9)

    torch.testing.assert_close(ours(x), theirs(x), rtol=1e-5, atol=1e-6)
    deployed = reparameterise(ours)
    torch.testing.assert_close(deployed(x), theirs(x), rtol=1e-5, atol=1e-6)
    assert num_convolutions(deployed) == num_convolutions(theirs)


def num_convolutions(model: nn.Module) -> int:
    return sum(isinstance(module, nn.Conv2d) for module in model.modules())


def test_the_global_local_filter_sees_the_same_channels_when_deployed() -> None:
    layers = Layers(norm="layer", norm_eps=1e-6, bias="always")
    place = Place(in_channels=32, out_channels=32, resolution=(9, 9), layers=layers)
    gated = GnConv(place, filter="global-local").gated.eval()
    x = torch.randn(2, 32, 9, 9)

    torch.testing.assert_close(reparameterise(gated)(x), gated(x), rtol=1e-5, atol=1e-6)


def gated_weights(theirs: SplitGatedConv) -> dict[str, Tensor]:
    found = {}
    for kind in ("weight", "bias"):
        gate, *inputs = getattr(theirs.proj_in, kind).split([theirs.dims[0], *theirs.dims])
        found[f"gate.conv.{kind}"] = gate
        for index, rows in enumerate(inputs):
            found[f"inputs.{index}.conv.{kind}"] = rows
        for index, rows in enumerate(getattr(theirs.dwconv, kind).split(theirs.dims)):
            found[f"depthwise.{index}.conv.{kind}"] = rows
        for index, pointwise in enumerate(theirs.pws):
            found[f"raise_order.{index}.conv.{kind}"] = getattr(pointwise, kind)
        found[f"out.conv.{kind}"] = getattr(theirs.proj_out, kind)
    return found


class PixelNorm(nn.LayerNorm):
    """Layer norm over the channels of (batch, channels, height, width)."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


class PlainBlock(nn.Module):
    """Two residual branches: the gated convolution, and a perceptron of linear layers on each pixel."""

    def __init__(self, dim: int, order: int) -> None:
        super().__init__()
        self.norm1, self.norm2 = PixelNorm(dim, eps=1e-6), nn.LayerNorm(dim, eps=1e-6)
        self.gnconv = SplitGatedConv(dim, order)
        self.pwconv1, self.pwconv2 = nn.Linear(dim, 4 * dim), nn.Linear(4 * dim, dim)
        self.gamma1, self.gamma2 = nn.Parameter(torch.rand(dim)), nn.Parameter(torch.rand(dim))

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.gamma1.view(-1, 1, 1) * self.gnconv(self.norm1(x))
        rows = self.pwconv2(F.gelu(self.pwconv1(self.norm2(x.permute(0, 2, 3, 1)))))
        return x + (self.gamma2 * rows).permute(0, 3, 1, 2)


class PlainHorNet(nn.Module):
    """Four stages, each behind its downsampling; a norm and a linear layer on the pooled features."""

    def __init__(self, width: int, depths: tuple[int, ...]) -> None:
        super().__init__()
        widths = [width * 2**stage for stage in range(4)]
        stem = nn.Sequential(nn.Conv2d(3, width, 4, 4), PixelNorm(width, eps=1e-6))
        self.downsample = nn.ModuleList([stem])
        for before, after in pairwise(widths):
            self.downsample.append(nn.Sequential(PixelNorm(before, eps=1e-6), nn.Conv2d(before, after, 2, 2)))
        self.stages = nn.ModuleList(
            nn.Sequential(*(PlainBlock(widths[stage], stage + 2) for _ in range(depth)))
            for stage, depth in enumerate(depths)
        )
        self.norm, self.head = nn.LayerNorm(widths[-1], eps=1e-6), nn.Linear(widths[-1], 1000)

    def forward(self, x: Tensor) -> Tensor:
        for downsample, stage in zip(self.downsample, self.stages, strict=True):
            x = stage(downsample(x))
        return self.head(self.norm(x.mean((2, 3))))


def block_weights(theirs: PlainBlock) -> dict[str, Tensor]:
    found = {f"gated.{name}": tensor for name, tensor in gated_weights(theirs.gnconv).items()}
    for ours, norm in (("first_norm", theirs.norm1), ("second_norm", theirs.norm2)):
        found |= {f"{ours}.weight": norm.weight, f"{ours}.bias": norm.bias}
    for ours, linear in (("expand", theirs.pwconv1), ("project", theirs.pwconv2)):
        found |= {f"{ours}.conv.weight": linear.weight[:, :, None, None], f"{ours}.conv.bias": linear.bias}
    return found | {"first_scale.scale": theirs.gamma1, "second_scale.scale": theirs.gamma2}


def hornet_weights(theirs: PlainHorNet) -> dict[str, Tensor]:
    places = ["stem.patch", *(f"stages.{stage}.0.downsample" for stage in range(1, 4))]
    found = {}
    for place, step in zip(places, theirs.downsample, strict=True):
        names = ("conv", "norm") if place == "stem.patch" else ("norm", "conv")
        for name, layer in zip(names, step, strict=True):
            found |= {f"{place}.{name}.weight": layer.weight, f"{place}.{name}.bias": layer.bias}
    for stage, blocks in enumerate(theirs.stages):
        for index, block in enumerate(blocks):
            found |= {
                f"stages.{stage}.{index}.{name}": tensor for name, tensor in block_weights(block).items()
            }
    for ours, layer in (("head.norm", theirs.norm), ("head.classify", theirs.head)):
        found |= {f"{ours}.weight": layer.weight, f"{ours}.bias": layer.bias}
    return found


def test_hornet_tiny_equals_the_plain_network() -> None:
    theirs = PlainHorNet(64, (2, 3, 18, 2)).eval()
    ours = network("hornet_tiny").build().eval()
    ours.load_state_dict(hornet_weights(theirs))
    images = torch.randn(1, 3, 64, 64)

    with torch.no_grad():
        expected, found = theirs(images), ours(images)

    assert (found - expected).abs().max() <= 1e-5 * expected.abs().max()
    assert sum(p.numel() for p in ours.parameters()) == sum(p.numel() for p in theirs.parameters())


def test_hornet_block_is_two_scaled_residual_branches() -> None:
    layers = Layers(norm="layer", norm_eps=1e-6, bias="always")
    block = GnConv(Place(in_channels=16, out_channels=16, resolution=(8, 8), layers=layers), scale=0.5)
    x = torch.randn(2, 16, 8, 8)

    def perceptron(x: Tensor) -> Tensor:
        rows = F.layer_norm(x.permute(0, 2, 3, 1), (16,), eps=1e-6)
        rows = F.linear(rows, block.expand.conv.weight.flatten(1), block.expand.conv.bias)
        rows = F.linear(F.gelu(rows), block.project.conv.weight.flatten(1), block.project.conv.bias)
        return rows.permute(0, 3, 1, 2)

    inner = x + 0.5 * block.gated(F.layer_norm(x.permute(0, 2, 3, 1), (16,), eps=1e-6).permute(0, 3, 1, 2))
    torch.testing.assert_close(block(x), inner + 0.5 * perceptron(inner))


@pytest.mark.parametrize(
    ("name", "millions"),
    [
        ("hornet_tiny", 22),
        ("hornet_small", 50),
        ("hornet_base", 87),
        ("hornet_tiny_gf", 23),
        ("hornet_small_gf", 50),
        ("hornet_base_gf", 88),
    ],
)
def test_hornet_has_the_parameters_of_its_paper(name: str, millions: int) -> None:
    assert round(network(name).costs().parameters / 1e6) == millions


def test_hornet_halves_the_image_and_doubles_its_channels_by_stage() -> None:
    with torch.device("meta"):
        features = network("hornet_tiny").build().stage_features(torch.empty(1, 3, 224, 224))

    assert [tuple(stage.shape[1:]) for stage in features] == [
        (64, 56, 56),
        (128, 28, 28),
        (256, 14, 14),
        (512, 7, 7),
    ]


def test_global_local_filter_of_ones_is_the_identity_in_frequency() -> None:
    block = GnConv(Place(in_channels=16, out_channels=16, resolution=(8, 8)), filter="global-local")
    spread = block.gated.global_local
    assert spread is not None
    with torch.no_grad():
        spread.transfer.copy_(torch.tensor([1.0, 0.0]).expand_as(spread.transfer))
        spread.local.weight.zero_()
        spread.local.weight[:, :, 1, 1] = 1.0
    orders = [torch.randn(2, width, 8, 8) for width in (4, 8, 16)]

    joined = spread.before(torch.cat(orders, dim=1))
    interleaved = torch.stack((joined[:, :14], joined[:, 14:]), dim=2).flatten(1, 2)

    torch.testing.assert_close(
        torch.cat(spread(orders), dim=1), spread.after(interleaved), rtol=1e-4, atol=1e-5
    )


def test_a_deep_gated_network_with_batch_norm_does_not_overflow_before_it_is_trained() -> None:
    options = {"order": 4, "scale": 1.0}
    model = Architecture(
        in_channels=3,
        num_classes=10,
        resolution=(16, 16),
        stem=Stem(name="conv3", width=64),
        stages=(
            Stage(block="gnconv", depth=9, width=64, options=options),
            Stage(block="gnconv", depth=20, width=128, stride=2, options=options),
        ),
    ).build()

    with torch.no_grad():
        logits = model.eval()(100.0 * torch.randn(2, 3, 16, 16))

    assert logits.isfinite().all()
