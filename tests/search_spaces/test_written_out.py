"""Networks without a reference at hand equal a plain module written out here from their description."""

from collections.abc import Mapping

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from search_spaces import Architecture, Head, Place, Stage, Stem, network
from search_spaces.blocks import Inverted
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


def test_the_small_plain_classifier_has_five_convolutions_and_141_classes() -> None:
    model = network("vgg_small").build().eval()
    kinds = (nn.Conv2d, nn.MaxPool2d, nn.Linear)

    layers = [type(module).__name__ for module in model.modules() if isinstance(module, kinds)]

    assert layers == ["Conv2d", *["MaxPool2d", "Conv2d"] * 4, "Linear"]
    assert model(torch.randn(2, 3, 32, 32)).shape == (2, 141)
