"""Each criterion gives the value worked out on paper."""

import pytest
import torch
from torch import Tensor

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


@pytest.mark.parametrize("score", [absolute_sums, euclidean_norms, remaining_shares, summed_distances])
def test_reordering_filters_reorders_their_scores(score: "object") -> None:
    matrix = torch.randn(6, 5)
    order = torch.tensor([5, 3, 1, 0, 2, 4])

    assert callable(score)
    reordered: Tensor = score(matrix[order])

    torch.testing.assert_close(reordered, score(matrix)[order])
