import pytest
import torch
from torch import Tensor, nn

from millinet.costs import count, per_layer
from millinet.errors import ModelError


class ByValue(nn.Module):
    """Its shapes depend on the values of its input, so nothing runs on the meta device."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(2, 3, bias=False)

    def forward(self, images: Tensor) -> Tensor:
        return self.linear(images[images[:, 0] > 0])


@pytest.fixture
def network() -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(1, 4, 3, padding=1), nn.ReLU(), nn.Flatten(), nn.Linear(256, 10))


def test_the_costs_of_a_small_network_are_those_worked_out_by_hand(network: nn.Sequential) -> None:
    costs = count(network, torch.zeros(1, 1, 8, 8))

    assert costs.parameters == (4 * 9 + 4) + (256 * 10 + 10)
    assert costs.macs == 4 * 9 * 64 + 256 * 10
    # The outputs of the convolution and of the ReLU live at once: 2 x 4 x 8 x 8 floats.
    assert costs.activation_mib == 2 * 4 * 64 * 4 / 2**20


def test_macs_are_for_one_image_and_activations_for_the_batch(network: nn.Sequential) -> None:
    one, four = count(network, torch.zeros(1, 1, 8, 8)), count(network, torch.zeros(4, 1, 8, 8))

    assert four.macs == one.macs
    assert four.activation_mib == 4 * one.activation_mib


def test_a_grouped_convolution_costs_its_share() -> None:
    whole = count(nn.Conv2d(8, 8, 3, bias=False), torch.zeros(1, 8, 5, 5))
    depthwise = count(nn.Conv2d(8, 8, 3, groups=8, bias=False), torch.zeros(1, 8, 5, 5))

    assert depthwise.macs * 8 == whole.macs == 8 * 8 * 9 * 9


def test_a_shared_parameter_counts_once() -> None:
    layer = nn.Linear(4, 4)

    costs = count(nn.Sequential(layer, layer), torch.zeros(1, 4))

    assert costs.parameters == 4 * 4 + 4
    assert costs.macs == 2 * 4 * 4


def test_counting_leaves_tied_layers_where_they_were() -> None:
    layer = nn.Linear(4, 4)

    count(nn.Sequential(layer, layer), torch.zeros(1, 4))

    assert layer.weight.device == torch.device("cpu")


def test_the_layers_add_up_to_the_whole(network: nn.Sequential) -> None:
    layers = per_layer(network, torch.zeros(2, 1, 8, 8))

    assert [layer.name for layer in layers] == ["0", "1", "2", "3"]
    assert [layer.macs for layer in layers] == [4 * 9 * 64, 0, 0, 2560]
    assert [layer.output_shape for layer in layers] == [(4, 8, 8), (4, 8, 8), (256,), (10,)]


def test_a_network_whose_shapes_depend_on_values_is_counted_where_it_is() -> None:
    assert count(ByValue(), torch.ones(1, 2)).macs == 6


def test_counting_leaves_mode_and_hooks_as_they_were(network: nn.Sequential) -> None:
    network[1].eval()

    per_layer(network, torch.zeros(1, 1, 8, 8))

    assert [module.training for module in network] == [True, False, True, True]
    assert not any(module._forward_hooks for module in network)


def test_an_input_of_the_wrong_shape_is_named(network: nn.Sequential) -> None:
    with pytest.raises(ModelError, match=r"shape \(1, 3, 8, 8\)"):
        count(network, torch.zeros(1, 3, 8, 8))
