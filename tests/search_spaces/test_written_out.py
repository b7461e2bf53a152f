"""Networks without a reference at hand equal a plain module written out here from their description."""

from collections.abc import Mapping

import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from search_spaces import Architecture, Head, Layers, Place, Stage, Stem, network
from search_spaces.blocks import GnConv, Inverted
from search_spaces.stems import Deep


class SlicedDualPath(nn.Module):
    """The dual path block on one tensor that is sliced, as the paper draws it."""

    def __init__(
        self, before: int, middle: int, out: int, dense: int, stride: int, *, is_first: bool
    ) -> None:
        super().__init__()
        self.out = out
        self.conv1, self.bn1 = nn.Conv2d(before, middle, 1, bias=False), nn.BatchNorm2d(middle)
        self.conv2 = nn.Conv2d(middle, middle, 3, stride, 1, groups=32, bias=False)
        self.bn2 = nn.BatchNorm2d(middle)
        self.conv3, self.bn3 = nn.Conv2d(middle, out + dense, 1, bias=False), nn.BatchNorm2d(out + dense)
        self.shortcut = nn.Sequential()
        if is_first:
            self.shortcut = nn.Sequential(
                nn.Conv2d(before, out + dense, 1, stride, bias=False), nn.BatchNorm2d(out + dense)
            )

    def forward(self, x: Tensor) -> Tensor:
        inner = F.relu(self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x))))))
        inner, around = self.bn3(self.conv3(inner)), self.shortcut(x)
        added = around[:, : self.out] + inner[:, : self.out]
        return F.relu(torch.cat((added, around[:, self.out :], inner[:, self.out :]), 1))


class SlicedDualPathNetwork(nn.Module):
    def __init__(self, depths: tuple[int, ...]) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 64, 3, 1, 1, bias=False), nn.BatchNorm2d(64), nn.ReLU())
        blocks, channels = [], 64
        sizes = zip((96, 192, 384, 768), (256, 512, 1024, 2048), depths, (16, 32, 24, 128), strict=True)
        for stage, (middle, out, depth, dense) in enumerate(sizes):
            for index in range(depth):
                stride = 2 if stage and index == 0 else 1
                blocks.append(SlicedDualPath(channels, middle, out, dense, stride, is_first=index == 0))
                channels = out + (index + 2) * dense
        self.blocks = nn.Sequential(*blocks)
        self.linear = nn.Linear(channels, 10)

    def forward(self, x: Tensor) -> Tensor:
        return self.linear(self.blocks(self.stem(x)).mean((2, 3)))


def split_rows(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Rename the sliced network's tensors, giving each path its rows of the joint convolutions."""
    renamed = {}
    for name, tensor in state.items():
        owner, _, kind = name.rpartition(".")
        for joint, paths in (
            ("conv3", "conv"),
            ("bn3", "norm"),
            ("shortcut.0", "conv"),
            ("shortcut.1", "norm"),
        ):
            if owner.endswith(joint):
                block = owner.removesuffix(joint)
                num_residual = state[f"{block}conv3.weight"].shape[0] // 256 * 256
                prefix = "to" if joint.endswith("3") else "project"
                rows = (
                    (tensor, tensor)
                    if tensor.dim() == 0
                    else tensor.split([num_residual, len(tensor) - num_residual])
                )
                renamed[f"{block}{prefix}_residual.{paths}.{kind}"] = rows[0]
                renamed[f"{block}{prefix}_dense.{paths}.{kind}"] = rows[1]
                break
        else:
            renamed[name] = tensor
    return renamed


NAMES = {
    "stem.0": "stem.conv.conv",
    "stem.1": "stem.conv.norm",
    "linear": "head.classify",
    "conv1": "reduce.conv",
    "bn1": "reduce.norm",
    "conv2": "middle.conv",
    "bn2": "middle.norm",
}


def our_name(name: str, places: list[str]) -> str:
    if name.startswith("blocks."):
        _, number, rest = name.split(".", 2)
        return f"{places[int(number)]}.{our_name(rest, places)}"
    old = next((old for old in NAMES if name.startswith(f"{old}.")), "")
    return f"{NAMES[old]}{name.removeprefix(old)}" if old else name


def dual_path_weights(theirs: SlicedDualPathNetwork, depths: tuple[int, ...]) -> dict[str, Tensor]:
    places = [f"stages.{stage}.{index}" for stage, depth in enumerate(depths) for index in range(depth)]
    return {our_name(name, places): tensor for name, tensor in split_rows(theirs.state_dict()).items()}


def test_dpn92_for_small_images_equals_the_sliced_form() -> None:
    depths = (3, 4, 20, 3)
    theirs = SlicedDualPathNetwork(depths).eval()
    ours = network("dpn92_small").build().eval()
    ours.load_state_dict(dual_path_weights(theirs, depths))
    images = torch.randn(2, 3, 16, 16)

    with torch.no_grad():
        expected, found = theirs(images), ours(images)

    assert (found - expected).abs().max() <= 1e-5 * expected.abs().max()
    assert sum(p.numel() for p in ours.parameters()) == sum(p.numel() for p in theirs.parameters())


def test_dpn92_hands_on_the_channels_of_its_table_at_every_stage() -> None:
    with torch.device("meta"):
        features = network("dpn92_small").build().stage_features(torch.empty(1, 3, 32, 32))

    shapes = [tuple(stage.shape[1:]) for stage in features]
    assert shapes == [(256 + 64, 32, 32), (512 + 160, 16, 16), (1024 + 504, 8, 8), (2048 + 512, 4, 4)]


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


class ProjectedInverted(nn.Module):
    """The inverted residual block with a 1x1 convolution and norm around it where widths differ."""

    def __init__(self, before: int, out: int, expand: int) -> None:
        super().__init__()
        hidden = before * expand
        self.branch = nn.Sequential(
            nn.Conv2d(before, hidden, 1, bias=False),
            nn.BatchNorm2d(hidden),
            nn.ReLU(),
            nn.Conv2d(hidden, hidden, 3, 1, 1, groups=hidden, bias=False),
            nn.BatchNorm2d(hidden),
            nn.ReLU(),
            nn.Conv2d(hidden, out, 1, bias=False),
            nn.BatchNorm2d(out),
        )
        self.shortcut = nn.Sequential(nn.Conv2d(before, out, 1, bias=False), nn.BatchNorm2d(out))

    def forward(self, x: Tensor) -> Tensor:
        return self.branch(x) + self.shortcut(x)


def test_inverted_residual_with_a_projected_shortcut_equals_the_written_out_one() -> None:
    theirs = ProjectedInverted(8, 12, 6).eval()
    place = Place(in_channels=8, out_channels=12, resolution=(8, 8))
    ours = Inverted(place, shortcut="projected").eval()
    ours.load_state_dict(dict(zip(ours.state_dict(), theirs.state_dict().values(), strict=True)))
    x = torch.randn(2, 8, 8, 8)

    torch.testing.assert_close(ours(x), theirs(x), rtol=1e-5, atol=1e-5)


def test_deep_stem_is_three_convolutions_at_64_64_128() -> None:
    stem = Deep(Place(in_channels=3, out_channels=128, resolution=(64, 64)))

    convolutions = [module for module in stem.modules() if isinstance(module, nn.Conv2d)]

    assert [(conv.out_channels, conv.kernel_size, conv.stride) for conv in convolutions] == [
        (64, (3, 3), (2, 2)),
        (64, (3, 3), (1, 1)),
        (128, (3, 3), (1, 1)),
    ]
    assert stem(torch.randn(1, 3, 64, 64)).shape == (1, 128, 16, 16)


def test_resnet_v1_strides_on_the_first_convolution() -> None:
    block = network("resnet50_v1").build().stages[1][0]

    assert block.reduce.conv.stride == (2, 2)
    assert block.middle.conv.stride == (1, 1)


def test_a_plain_network_may_leave_norm_or_activation_out() -> None:
    stages = [
        Stage(block="plain", depth=1, width=8, options={"then": then}) for then in ("norm", "act", "norm+act")
    ]
    model = Architecture(
        in_channels=3,
        num_classes=2,
        resolution=(8, 8),
        stem=Stem(name="conv3", width=8),
        stages=tuple(stages),
        head=Head(),
    ).build()

    kinds = [[type(layer).__name__ for layer in stage[0].conv] for stage in model.stages]

    assert kinds == [["Conv2d", "BatchNorm2d"], ["Conv2d", "ReLU"], ["Conv2d", "BatchNorm2d", "ReLU"]]
    assert [stage[0].conv.conv.bias is None for stage in model.stages] == [True, False, True]
