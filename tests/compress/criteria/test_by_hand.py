"""Each criterion gives the value worked out on paper."""

import pytest
import torch
from torch import Tensor, nn

from compress import CRITERIA, find_groups
from compress.criteria.fisher import half_squares
from compress.criteria.geometric_median import summed_distances
from compress.criteria.l1 import absolute_sums
from compress.criteria.l2 import euclidean_norms
from compress.criteria.lamp import remaining_shares
from compress.criteria.taylor import expected_change


def test_l1_is_the_sum_of_magnitudes() -> None:
    scores = absolute_sums(torch.tensor([[1.0, -2.0], [0.5, 0.5]]))

    assert scores.tolist() == [3.0, 1.0]


def test_l2_is_the_length_of_a_filter() -> None:
    scores = euclidean_norms(torch.tensor([[3.0, -4.0], [0.0, 0.5]]))

    assert scores.tolist() == [5.0, 0.5]


def test_lamp_divides_by_what_is_left_of_the_layer() -> None:
    # Energies 1, 4, 5: 1 of all 10, 4 of the 9 left, 5 of itself.
    scores = remaining_shares(torch.tensor([[2.0, 0.0], [1.0, 0.0], [1.0, 2.0]]))

    assert scores.tolist() == pytest.approx([4 / 9, 1 / 10, 1.0])


def test_the_filter_in_the_middle_scores_least_by_geometric_median() -> None:
    scores = summed_distances(torch.tensor([[0.0, 0.0], [3.0, 4.0], [6.0, 8.0]]))

    assert scores.tolist() == [15.0, 10.0, 15.0]


def test_taylor_is_the_magnitude_of_the_mean_derivative() -> None:
    scores = expected_change(torch.tensor([[1.0, -2.0], [-3.0, -4.0]]))

    assert scores.tolist() == [1.0, 3.0]


def test_fisher_averages_every_image_not_the_last() -> None:
    scores = half_squares(torch.tensor([[1.0, 2.0], [-3.0, 0.0]]))

    assert scores.tolist() == [2.5, 1.0]


def stacked(*behind: nn.Module) -> nn.Module:
    """Build two channels, weighing the image by 1 and by -3, and what reads them."""
    first = nn.Conv2d(1, 2, 1, bias=False)
    with torch.no_grad():
        first.weight.copy_(torch.tensor([1.0, -3.0]).view(2, 1, 1, 1))
    return nn.Sequential(
        first, *behind, nn.Conv2d(2, 3, 1), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(3, 4)
    ).eval()


def scores_of_first(name: str, model: nn.Module, images: Tensor) -> list[float]:
    group = next(group for group in find_groups(model, images) if group.name == "0")
    return CRITERIA[name].score(model, [group], [(images, torch.zeros(len(images)).long())])[0].tolist()


def test_the_batch_norm_criterion_is_the_magnitude_of_its_scale() -> None:
    norm = nn.BatchNorm2d(2)
    with torch.no_grad():
        norm.weight.copy_(torch.tensor([-0.5, 2.0]))

    assert scores_of_first("batch-norm", stacked(norm), torch.ones(2, 1, 2, 2)) == [0.5, 2.0]


def test_an_activation_is_what_its_reader_sees_summed_over_the_picture() -> None:
    images = torch.cat([torch.ones(1, 1, 2, 2), torch.zeros(1, 1, 2, 2)])

    # Four pixels of 1 and of -3 in one image of two.
    assert scores_of_first("activation", stacked(), images) == [2.0, 6.0]
    assert scores_of_first("activation", stacked(nn.ReLU()), images) == [2.0, 0.0]


def test_random_scores_do_not_depend_on_the_weights() -> None:
    images = torch.ones(2, 1, 2, 2)
    model, other = stacked(), stacked()
    nn.init.ones_(other[0].weight)

    assert scores_of_first("random", model, images) == scores_of_first("random", other, images)


@pytest.mark.parametrize("score", [absolute_sums, euclidean_norms, remaining_shares, summed_distances])
def test_reordering_filters_reorders_their_scores(score: "object") -> None:
    matrix = torch.randn(6, 5)
    order = torch.tensor([5, 3, 1, 0, 2, 4])

    assert callable(score)
    reordered: Tensor = score(matrix[order])

    torch.testing.assert_close(reordered, score(matrix)[order])
