"""What the drawing of a winner is read from."""

import json
from pathlib import Path

from millinet.frames import LAYERS
from reports.plots import read_parts
from tests.reports.generated import make_run

ARCHITECTURE = {
    "in_channels": 3,
    "num_classes": 10,
    "resolution": [32, 32],
    "stem": {"name": "conv3", "width": 16, "options": {}},
    "stages": [
        {"block": "basic", "depth": 2, "width": 32, "stride": 1, "options": {}},
        {"block": "inverted", "depth": 3, "width": 64, "stride": 2, "options": {"expand": 4}},
    ],
    "head": {"name": "dense", "options": {}},
    "layers": {},
}


def _layer(name: str, width: int, kept: int, *, side: int, share: float) -> dict[str, object]:
    weights = 9 * 16 * width
    return {
        "layer": name,
        "kind": "Conv2d",
        "out_before": width,
        "out_after": kept,
        "parameters_before": weights,
        "macs_before": weights * side * side,
        "share_after": share,
    }


def test_an_architecture_is_drawn_from_image_to_head() -> None:
    parts = read_parts(ARCHITECTURE, LAYERS.frame())

    assert [part.name for part in parts] == ["image", "stem", "stage 1", "stage 2", "head"]
    assert [(part.block, part.depth, part.width) for part in parts[2:4]] == [
        ("basic", 2, 32),
        ("inverted", 3, 64),
    ]
    assert parts[3].detail == "expand 4"


def test_layers_add_resolution_kept_channels_and_share() -> None:
    layers = LAYERS.frame(
        [
            _layer("stages.1.0.project.conv", 64, 40, side=16, share=0.2),
            _layer("stages.1.1.project.conv", 64, 40, side=16, share=0.1),
            _layer("stages.1.1.shortcut.conv", 64, 64, side=16, share=0.05),
        ]
    )

    stage = read_parts(ARCHITECTURE, layers)[3]

    assert (stage.kept, stage.resolution) == (40, (16, 16))
    assert round(stage.share or 0, 6) == 0.35


def test_a_foreign_model_is_drawn_from_its_layers() -> None:
    layers = LAYERS.frame(
        [
            _layer("conv1", 64, 64, side=112, share=0.2),
            _layer("layer1.0.conv1", 64, 32, side=56, share=0.1),
            _layer("layer1.1.conv1", 64, 32, side=56, share=0.1),
        ]
    )

    parts = read_parts({"source": "torchvision:resnet18"}, layers)

    assert [(part.name, part.depth, part.width, part.kept) for part in parts] == [
        ("conv1", 1, 64, 64),
        ("layer1", 2, 64, 32),
    ]


def test_an_architecture_of_another_shape_is_not_drawn() -> None:
    assert read_parts({"stages": [{"unknown": 1}]}, LAYERS.frame()) == []


def test_the_generated_winners_can_be_read(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run")

    content = json.loads((run / "winners/1/architecture.json").read_text())

    assert len(read_parts(content, LAYERS.frame())) == 6
