"""A layer's latency at any width is predicted from a few that were timed."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from compress import find_groups
from compress.allocation import ALLOCATIONS, Choice, Problem
from compress.latency_table import Curves, LatencyPrice, LatencyTable
from compress.layers import Layer, read_layers
from millinet.latency import LatencyMeter


def layer(name: str, *, num_in: int, num_out: int, positions: int = 4) -> Layer:
    """Make a convolution whose outputs are group 0."""
    return Layer(
        name=name,
        kind="Conv2d",
        num_in=num_in,
        num_out=num_out,
        inputs={},
        outputs={0: 1},
        parameters=0,
        macs=0,
        positions=positions,
        block=0,
        is_carrying=False,
        is_grouped=False,
    )


def test_between_timed_widths_time_is_interpolated_and_the_sides_multiply() -> None:
    curves = Curves([2, 4], [1.0, 2.0], [2, 4], [1.5, 2.0])

    found = [curves.at(*widths) for widths in ((4, 4), (4, 3), (2, 4), (2, 2))]

    assert found == [2.0, 1.5, 1.5, 0.75]


def test_what_the_layers_do_not_account_for_is_half_fixed_and_half_spread_over_outputs() -> None:
    wide, narrow = layer("wide", num_in=8, num_out=6), layer("narrow", num_in=8, num_out=2)
    curves = {name: Curves([8], [3.0], [8], [3.0]) for name in ("wide", "narrow")}

    price = LatencyPrice([wide, narrow], curves, total_ms=10.0)

    # Six of ten milliseconds are in the layers; of the other four two are fixed, and two go by 32 outputs.
    assert price.fixed == 2.0
    assert price(wide, 8, 6) == pytest.approx(3.0 + 2.0 * 24 / 32)
    assert price.fixed + price(wide, 8, 6) + price(narrow, 8, 2) == pytest.approx(10.0)


def test_layers_that_take_longer_alone_than_the_whole_are_scaled_to_it() -> None:
    one = layer("one", num_in=8, num_out=8)

    price = LatencyPrice([one], {"one": Curves([8], [4.0], [8], [4.0])}, total_ms=3.0)

    assert price.fixed + price(one, 8, 8) == pytest.approx(3.0)


@pytest.mark.parametrize(("limit", "width"), [(1.0, 8), (1.9, 8), (2.0, 16), (2.9, 16), (3.0, 24)])
def test_of_widths_that_cost_the_same_the_widest_is_taken(limit: float, width: int) -> None:
    widths = np.arange(1, 33)
    problem = Problem(
        choices={0: Choice(widths, (32.0 - widths).astype(float))},
        layers=[layer("steps", num_in=3, num_out=32)],
        totals={0: 32},
        price=lambda _, __, num_out: 1.0 * -(-num_out // 8),
    )

    assert ALLOCATIONS["knapsack"](problem, limit) == {0: width}


@pytest.fixture
def model() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(3, 8, 3),
        nn.BatchNorm2d(8),
        nn.ReLU(),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(8, 4),
    ).eval()


class Depthwise(nn.Conv2d):
    """Is built in a way of its own."""

    def __init__(self, width: int) -> None:
        super().__init__(width, width, 3, padding=1, groups=width)


class Mixed(nn.Module):
    """One layer of every kind that has a width, and two sides of it."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.PReLU(8), nn.GroupNorm(4, 8))
        self.middle = nn.Sequential(Depthwise(8), nn.Conv2d(8, 16, 3, padding=1, groups=2), nn.ReLU())
        self.up = nn.ConvTranspose2d(16, 8, 2, stride=2)
        self.norm = nn.LayerNorm(8)
        self.dense = nn.Linear(8, 4)

    def forward(self, images: Tensor) -> Tensor:
        features = self.up(self.middle(self.stem(images)))
        return self.dense(self.norm(features.mean((2, 3))))


def test_layers_of_every_kind_can_be_timed_narrower(tmp_path: Path) -> None:
    torch.manual_seed(0)
    model = Mixed().eval()
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}

    known, times = times_of(model, tmp_path / "table.json")

    assert all(time > 0 for time in times)
    assert any(key.partition(" Depthwise(")[2].startswith("4, 4, ") for key in known)
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())


def times_of(model: nn.Module, path: Path) -> tuple[dict[str, float], list[float]]:
    """Price a model with the table at `path`; return what the table knows now and the curves' times."""
    example = torch.zeros(2, 3, 8, 8)
    layers = read_layers(model, example, find_groups(model, example), {})
    with LatencyMeter("cpu") as meter:
        table = LatencyTable(meter, path)
        price = table.price(model, example, layers, total_ms=1.0)
    times = [time for curve in price.curves.values() for time in (*curve.by_out, *curve.by_in)]
    return dict(table._known), times


def test_what_the_table_knows_is_not_timed_again(model: nn.Module, tmp_path: Path) -> None:
    path = tmp_path / "table.json"
    known, times = times_of(model, path)
    path.write_text(json.dumps(dict.fromkeys(known, 7.0)))

    again, remembered = times_of(model, path)

    assert all(time > 0 for time in times)
    assert again.keys() == known.keys()
    assert set(remembered) == {7.0}


@pytest.mark.parametrize("content", ["{", "[]", '{"a layer": "fast"}', '{"a layer": -1.0}'])
def test_a_table_that_cannot_be_used_is_measured_anew(model: nn.Module, tmp_path: Path, content: str) -> None:
    (tmp_path / "table.json").write_text(content)

    known, times = times_of(model, tmp_path / "table.json")

    assert "a layer" not in known
    assert all(time > 0 for time in times)
