"""Training-free proxies, against values worked out by hand on tiny networks."""

from math import log

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from nas.proxies import PROXIES, naswot, synflow, zico
from search_spaces import load_space

IMAGES = torch.tensor([[1.0, 1.0], [1.0, -1.0]])
LABELS = torch.tensor([0, 1])


def linear(weight: list[list[float]]) -> nn.Linear:
    layer = nn.Linear(len(weight[0]), len(weight), bias=False)
    layer.weight.data = torch.tensor(weight)
    return layer


def test_naswot_counts_the_activations_in_which_two_images_agree() -> None:
    # The identity lets (1, 1) switch both units on and (1, -1) only the first: they agree in one of two.
    model = nn.Sequential(linear([[1.0, 0.0], [0.0, 1.0]]), nn.ReLU())

    score = naswot(model, IMAGES, LABELS)

    assert score == pytest.approx(log(1.001**2 - 0.5**2))


def test_naswot_of_a_network_that_sees_no_difference_is_finite() -> None:
    model = nn.Sequential(linear([[1.0, 0.0]]), nn.ReLU())

    assert naswot(model, IMAGES, LABELS) == pytest.approx(log(1.001**2 - 1.0))


def test_synflow_sums_weight_times_gradient_over_the_layers() -> None:
    # Output of ones: |W2| (|W1| (1, 1)) = (2 + 1) * (1 + 3) = 12; each layer's sum of w dR/dw is R again.
    model = nn.Sequential(linear([[-1.0, 3.0]]), linear([[2.0], [-1.0]]))

    score = synflow(model, IMAGES, LABELS)

    assert score == pytest.approx(log(2 * 12.0))
    assert model[0].weight.tolist() == [[-1.0, 3.0]]


def test_a_flow_of_zero_is_clipped() -> None:
    assert synflow(nn.Sequential(linear([[0.0, 0.0]])), IMAGES, LABELS) == pytest.approx(log(1e-300))


def test_zico_is_the_mean_of_the_gradient_over_its_deviation() -> None:
    # From zero weights the softmax is (1/2, 1/2). The halves hold the image (2, 1) and the image (1, 3), all
    # of class 0, so |gradient| of each row is (1, 1/2), then (1/2, 3/2): means 3/4 and 1, deviations 1/4 and
    # 1/2. Each of two rows adds 3 + 2; the logarithm is of 10.
    model = nn.Sequential(linear([[0.0, 0.0], [0.0, 0.0]]))
    images = torch.tensor([[2.0, 1.0], [2.0, 1.0], [1.0, 3.0], [1.0, 3.0]])

    score = zico(model, images, torch.tensor([0, 0, 0, 0]))

    assert score == pytest.approx(log(10.0), rel=1e-5)


@pytest.mark.parametrize("name", PROXIES)
def test_a_proxy_is_finite_and_leaves_a_network_of_the_space_alone(name: str) -> None:
    space = load_space("tiny", in_channels=1, num_classes=10, resolution=(8, 8))
    generator = torch.Generator().manual_seed(0)
    images: Tensor = torch.randn(8, 1, 8, 8, generator=generator)
    model = space.sample(np.random.default_rng(2)).build()
    before = [parameter.detach().clone() for parameter in model.parameters()]

    score = PROXIES[name](model, images, torch.arange(8))

    assert -1e3 < score < 1e3
    for old, parameter in zip(before, model.parameters(), strict=True):
        torch.testing.assert_close(parameter.detach(), old)
        assert parameter.dtype == torch.float32
