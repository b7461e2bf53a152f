"""A space suggests, inverts, counts, draws and writes itself."""

from collections.abc import Sequence
from itertools import product
from typing import Any

import numpy as np
import optuna
import pytest
import torch
from torch import nn

from millinet.errors import ConfigError
from search_spaces import NETWORKS, SearchSpace, load_space, network
from search_spaces.tally import Tally

SMALL = """
name = "small"
[stem]
conv3 = { width = [8, 12] }
[[stages]]
depth = [1, 2]
width = [12, 16]
[stages.blocks]
basic = {}
bottleneck = { expand = [2, 4, 8], width = [16, 24, 36] }
[[stages]]
depth = 1
width = 16
optional = true
[stages.blocks]
inverted = { expand = [2, 3] }
[head]
dense = { dropout = [0.0, 0.5] }
"""


class Fixed:
    """Answers from a dict and notes what it was asked."""

    def __init__(self, params: dict[str, Any]) -> None:
        self.params = params
        self.asked: list[str] = []

    def suggest_categorical(self, name: str, choices: Sequence[Any]) -> Any:
        assert self.params[name] in choices
        self.asked.append(name)
        return self.params[name]


PRESETS = [
    (preset, resolution)
    for preset in ("tiny", "small", "resnet", "mobile", "convnet")
    for resolution in ((32, 32), (224, 224))
]


@pytest.mark.parametrize(("preset", "resolution"), PRESETS)
def test_suggest_inverts_params_for_random_points(preset: str, resolution: tuple[int, int]) -> None:
    space = load_space(preset, resolution=resolution)
    rng = np.random.default_rng(0)

    for _ in range(1000):
        architecture = space.sample(rng)
        trial = Fixed(space.params(architecture))

        assert space.suggest(trial) == architecture
        assert trial.asked == list(trial.params)


def test_size_counts_the_points_worked_out_by_hand() -> None:
    space = SearchSpace.from_toml(SMALL)

    # Stem 2; first stage: depth 2 x (2 widths of basic + 8 allowed pairs of bottleneck, 36 being no multiple
    # of 8); second stage: 2 expansions or nothing; head 2.
    assert space.size == 2 * (2 * (2 + 8)) * 3 * 2


def test_widths_that_the_device_dislikes_are_left_out() -> None:
    space = SearchSpace.from_toml(f"multiple_of = 8\n{SMALL}")

    # Of 8 and 12, of 12 and 16, and of 16, 24 and 36, the multiples of 8 stay: 1, 1 and 2 of which only 16 is
    # a multiple of 8 also inside, at half of its width.
    assert space.size == 1 * (2 * (1 + 1)) * 3 * 2


def test_widths_inside_a_block_are_held_to_the_multiple_too() -> None:
    text = SMALL.replace("width = [16, 24, 36]", "width = [16, 24, 32]")
    space = SearchSpace.from_toml(f"multiple_of = 8\n{text}")

    # Of the middles 16/2, 16/4, 16/8, 24/2, 24/4, 24/8, 32/2, 32/4 and 32/8, three are multiples of 8.
    assert space.size == 1 * (2 * (1 + 3)) * 3 * 2


@pytest.mark.parametrize("preset", ["resnet", "mobile", "convnet"])
@pytest.mark.parametrize("resolution", [(32, 32), (224, 224)])
def test_every_feature_map_of_a_preset_has_a_multiple_of_8_channels(
    preset: str, resolution: tuple[int, int]
) -> None:
    space = load_space(preset, resolution=resolution)
    rng = np.random.default_rng(5)

    for _ in range(30):
        with torch.device("meta"):
            stages = space.sample(rng).build(include_top=False).stages
        convolutions = {
            name: module for name, module in stages.named_modules() if isinstance(module, nn.Conv2d)
        }
        widths = {name: conv.out_channels for name, conv in convolutions.items() if ".squeeze." not in name}
        assert {name: width for name, width in widths.items() if width % 8} == {}


def test_a_multiple_that_leaves_no_width_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"no width is a multiple of 7, got \[8, 12\]"):
        SearchSpace.from_toml(f"multiple_of = 7\n{SMALL}")


def test_optuna_accepts_every_parameter_of_a_study() -> None:
    space = load_space("convnet")
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    rng = np.random.default_rng(0)
    known = [space.sample(rng) for _ in range(5)]
    for architecture in known:
        study.enqueue_trial(space.params(architecture))

    suggested = []
    for _ in range(40):
        trial = study.ask()
        suggested.append(space.suggest(trial))
        study.tell(trial, 0.0)

    assert suggested[:5] == known


def test_uniform_draws_reach_every_point_and_nothing_else() -> None:
    space = SearchSpace.from_toml(SMALL)
    rng = np.random.default_rng(0)

    seen = {space.sample(rng) for _ in range(4000)}

    assert len(seen) == space.size


def test_a_mutation_is_any_of_the_neighbours() -> None:
    space = load_space("tiny", in_channels=1, num_classes=10, resolution=(8, 8))
    architecture = space.sample(np.random.default_rng(3))
    rng = np.random.default_rng(0)

    mutated = {space.mutate(architecture, rng) for _ in range(400)}

    assert mutated == set(space.neighbours(architecture))


def test_neighbours_differ_in_one_place_and_are_points_of_the_space() -> None:
    space = SearchSpace.from_toml(SMALL)
    architecture = space.sample(np.random.default_rng(1))

    neighbours = space.neighbours(architecture)

    assert len(set(neighbours)) == len(neighbours)
    assert architecture not in neighbours
    assert all(space.suggest(Fixed(space.params(near))) == near for near in neighbours)


def test_neighbourhood_is_symmetric_where_no_variant_is_exchanged() -> None:
    space = SearchSpace.from_toml(SMALL)
    architecture = space.sample(np.random.default_rng(2))

    for near in space.neighbours(architecture):
        if near.blocks == architecture.blocks:
            assert architecture in space.neighbours(near)


def test_a_parameter_name_always_stands_for_the_same_choices() -> None:
    space = SearchSpace.from_toml(SMALL)
    rng = np.random.default_rng(0)
    choices: dict[str, tuple[Any, ...]] = {}

    class Noting(Fixed):
        def suggest_categorical(self, name: str, offered: Sequence[Any]) -> Any:
            assert choices.setdefault(name, tuple(offered)) == tuple(offered)
            return super().suggest_categorical(name, offered)

    for _ in range(300):
        space.suggest(Noting(space.params(space.sample(rng))))


def test_toml_round_trip_keeps_the_space() -> None:
    space = SearchSpace.from_toml(SMALL)

    again = SearchSpace.from_toml(space.to_toml())

    assert again.to_toml() == space.to_toml()
    assert again.fingerprint == space.fingerprint
    assert again.size == space.size


def test_fingerprint_depends_on_the_images() -> None:
    shapes = product([1, 3], [10, 100], [(8, 8), (32, 32)])

    found = {load_space("tiny", in_channels=c, num_classes=k, resolution=r).fingerprint for c, k, r in shapes}

    assert len(found) == 8


@pytest.mark.parametrize(
    ("old", "broken", "message"),
    [
        ("depth = 1", "depth = 0", "stages.1.depth.0"),
        ("depth = 1", "deep = 1", "stages.1"),
        ("basic = {}", "basik = {}", "did you mean 'basic'"),
        ("expand = [2, 3]", "expnd = [2, 3]", "no option 'expnd'"),
        ("expand = [2, 4, 8]", "expand = [5, 7]", "expand must divide the width"),
        ("expand = [2, 3]", "expand = [2, 2]", "each listed once"),
        ("width = 16", "width = 'wide'", "stages.1.width.0"),
        ("conv3 = { width = [8, 12] }", "conv3 = {}", "stem.conv3: width is missing"),
        ("[head]", "[heads]", "head"),
        ('name = "small"', 'name = "small', "is no TOML"),
        ("[head]", "[layers]\nown = { norm = 'batsh' }\n[head]", "did you mean 'batch'"),
        ("[head]", "[layers]\nown = { activation = [] }\n[head]", "layers.own.activation"),
        ("[head]", "[layers]\nown = { drop_path = 1.5 }\n[head]", "drop_path must be a fraction"),
        ("basic = {}", "basic = {}\nagain = { block = 'basic', squeeze = [0.25, 0.0] }", "both allow"),
        ("depth = [1, 2]", "depth = [1, 2]\noptional = true", "only the last"),
    ],
)
def test_a_broken_space_names_what_is_wrong(old: str, broken: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        SearchSpace.from_toml(SMALL.replace(old, broken))

    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_params_of_a_foreign_architecture_say_what_is_foreign() -> None:
    space = load_space("tiny")

    with pytest.raises(ConfigError, match="has 2 stages, the architecture 3"):
        space.params(network("resnet20"))


def test_an_unknown_preset_names_the_nearest() -> None:
    with pytest.raises(ConfigError, match="did you mean 'tiny'"):
        load_space("tinny")


def holders(name: str) -> list[str]:
    """Say which presets have the blocks and the number of stages of a network.

    `mobile` alone has seven stages, and has inverted residuals alone; `resnet` has residual blocks alone.
    """
    if name in ("mobilenet_v2", "efficientnet_v2_s"):
        return ["mobile"]
    if name.startswith(("resnet", "resnext", "wide")):
        return ["resnet", "convnet"]
    return ["convnet", "small"] if name == "vgg_small" else ["convnet"]


@pytest.mark.parametrize("name", sorted(NETWORKS))
def test_every_named_network_is_a_point_of_every_preset_that_has_its_blocks_and_stages(name: str) -> None:
    resolution = (32, 32) if NETWORKS[name].resolution == (32, 32) else (224, 224)
    architecture = network(name, num_classes=10, resolution=resolution)
    holding = []

    for preset in ("resnet", "mobile", "convnet", "small"):
        space = load_space(preset, resolution=resolution)
        try:
            params = space.params(architecture)
        except ConfigError:
            continue
        assert space.suggest(Fixed(params)) == architecture
        holding.append(preset)

    assert holding == holders(name)


@pytest.mark.parametrize(("preset", "resolution"), [*PRESETS, ("convnet", (8, 8)), ("tiny", (8, 8))])
def test_random_points_build_on_the_meta_device(preset: str, resolution: tuple[int, int]) -> None:
    space = load_space(preset, resolution=resolution)
    rng = np.random.default_rng(1)

    for _ in range(20):
        architecture = space.sample(rng)
        with torch.device("meta"):
            logits = architecture.build()(torch.empty(2, 3, *resolution))

        assert logits.shape == (2, 10)


@pytest.mark.parametrize(("preset", "resolution"), [*PRESETS, ("convnet", (8, 8))])
def test_closed_forms_equal_the_count_of_random_points(preset: str, resolution: tuple[int, int]) -> None:
    space = load_space(preset, resolution=resolution)
    rng = np.random.default_rng(3)

    for _ in range(8):
        architecture = space.sample(rng)
        costs = architecture.costs()

        assert architecture.tally() == Tally(costs.parameters, costs.macs)


@pytest.mark.slow
@pytest.mark.parametrize(("preset", "resolution"), PRESETS)
def test_a_thousand_random_points_build_and_a_hundred_run(preset: str, resolution: tuple[int, int]) -> None:
    space = load_space(preset, resolution=resolution)
    rng = np.random.default_rng(2)

    for number in range(1000):
        architecture = space.sample(rng)
        with torch.device("meta"):
            architecture.build()
        if number < 100:
            with torch.no_grad():
                logits = architecture.build().eval()(torch.randn(2, 3, *resolution))
            assert logits.isfinite().all(), architecture
