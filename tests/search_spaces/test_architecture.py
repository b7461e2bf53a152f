"""An architecture is frozen, exact in JSON, and refuses what cannot work."""

import json

import pytest
import torch

from millinet.costs import count
from millinet.errors import ConfigError
from search_spaces import NETWORKS, Architecture, Layers, Stage, Stem, network


def small(**changes: object) -> Architecture:
    content: dict[str, object] = {
        "in_channels": 1,
        "num_classes": 3,
        "resolution": (8, 8),
        "stem": Stem(name="conv3", width=8),
        "stages": (
            Stage(block="basic", depth=1, width=8),
            Stage(block="inverted", depth=2, width=12, stride=2),
        ),
    }
    return Architecture(**(content | changes))  # type: ignore[arg-type]


@pytest.mark.parametrize("name", NETWORKS)
def test_json_round_trip_is_exact(name: str) -> None:
    architecture = network(name)

    again = Architecture.from_json(architecture.to_json())

    assert again == architecture
    assert again.fingerprint == architecture.fingerprint


def test_fingerprint_is_the_one_of_the_first_release() -> None:
    assert network("resnet18").fingerprint == "bc439c106b6ecf37"


def test_an_option_at_its_default_changes_nothing() -> None:
    plain = Stage(block="inverted", depth=1, width=8)

    assert Stage(block="inverted", depth=1, width=8, options={"expand": 6}) == plain
    assert Stage(block="inverted", depth=1, width=8, options={"expand": 4}) != plain


def test_reads_as_one_line() -> None:
    assert str(small()) == "conv3 8 > basic 8x1 > inverted 12x2/2 > dense"


@pytest.mark.parametrize("name", NETWORKS)
def test_costs_equal_those_counted_on_the_model(name: str) -> None:
    architecture = network(name, resolution=(64, 64))
    with torch.device("meta"):
        model = architecture.build()

    counted = count(model, torch.empty(1, 3, 64, 64, device="meta"))

    assert architecture.costs() == counted


def test_without_the_top_a_network_returns_its_features() -> None:
    model = small().build(include_top=False).eval()

    with torch.no_grad():
        features = model(torch.randn(2, 1, 8, 8))

    assert features.shape == (2, 12, 4, 4)


def test_features_of_every_stage_end_in_those_of_the_last() -> None:
    model = small().build().eval()
    images = torch.randn(2, 1, 8, 8)

    with torch.no_grad():
        stages = model.stage_features(images)

        assert [tuple(stage.shape) for stage in stages] == [(2, 8, 8, 8), (2, 12, 4, 4)]
        torch.testing.assert_close(stages[-1], model.features(images))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"in_channels": 0}, "in_channels must be at least 1, got 0"),
        ({"num_classes": -2}, "num_classes must be at least 1, got -2"),
        ({"resolution": (0, 8)}, r"resolution must be \(height, width\)"),
        ({"stages": ()}, "at least one stage"),
        (
            {"stages": (Stage(block="bottleneck", depth=1, width=30),)},
            r"stage 0 \(bottleneck\): expand must divide the width, got expand=4 and width 30",
        ),
    ],
)
def test_the_impossible_is_refused_with_its_numbers(change: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        small(**change)


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        (("stages", 1, "width"), "8", "stages.1.width"),
        (("stages", 1, "block"), "inverse", "stage 1: no block called 'inverse'; did you mean 'inverted'"),
        (("stages", 0, "options"), {"squeze": 0.5}, "did you mean 'squeeze'"),
        (("stages", 0, "options"), {"squeeze": "much"}, "squeeze must be of type float"),
        (("stages", 0, "stride"), 3, "must be 1 or 2, got 3"),
        (("head", "name"), "denze", "did you mean 'dense'"),
        (("resolution",), [8], "resolution"),
        (("colour",), "red", "colour"),
        (("layers",), {"norm": "bach"}, "did you mean 'batch'"),
        (("layers",), {"drop_path": 1.5}, "drop_path must be a fraction"),
    ],
)
def test_bad_json_names_the_field(path: tuple[str | int, ...], value: object, message: str) -> None:
    content = json.loads(small().to_json())
    *parents, last = path
    place = content
    for step in parents:
        place = place[step]
    place[last] = value

    with pytest.raises(ConfigError) as caught:
        Architecture.from_json(json.dumps(content))

    assert message in str(caught.value)


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '{"in_channels": 3}'])
def test_text_that_is_no_architecture_is_one_line(text: str) -> None:
    with pytest.raises(ConfigError, match="not an architecture") as caught:
        Architecture.from_json(text)

    assert "\n" not in str(caught.value)


def test_a_bias_stands_where_no_norm_does() -> None:
    with_norm = small().build()
    without = small(layers=Layers(norm="none")).build()

    assert all(module.bias is None for module in with_norm.modules() if isinstance(module, torch.nn.Conv2d))
    assert all(module.bias is not None for module in without.modules() if isinstance(module, torch.nn.Conv2d))
