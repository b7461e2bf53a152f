import pytest
from torch import nn
from torchvision.ops import StochasticDepth

from millinet.training.depth import stochastic_depth


def branches() -> nn.Sequential:
    return nn.Sequential(StochasticDepth(0.5, "row"), nn.ReLU(), StochasticDepth(0.0, "row"))


def test_rates_rise_linearly_and_are_put_back() -> None:
    model = branches()

    with stochastic_depth(model, 0.2):
        inside = [model[0].p, model[2].p]

    assert inside == pytest.approx([0.1, 0.2])
    assert [model[0].p, model[2].p] == [0.5, 0.0]


def test_without_a_rate_the_networks_own_stay() -> None:
    model = branches()

    with stochastic_depth(model, None):
        assert [model[0].p, model[2].p] == [0.5, 0.0]


def test_networks_without_such_layers_are_left_alone() -> None:
    with stochastic_depth(nn.Linear(2, 2), 0.5):
        pass
