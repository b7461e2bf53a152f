import pytest
import torch
from torch import nn

from millinet.training.ema import AveragedWeights


def test_the_average_moves_by_what_its_decay_leaves() -> None:
    model = nn.Linear(1, 1, bias=False)
    nn.init.zeros_(model.weight)
    average = AveragedWeights(model, decay=0.05)
    nn.init.ones_(model.weight)

    average.update()

    assert float(average.model.weight) == pytest.approx(0.95)


def test_early_averages_forget_faster_than_the_decay_says() -> None:
    model = nn.Linear(1, 1, bias=False)
    nn.init.zeros_(model.weight)
    average = AveragedWeights(model, decay=0.999)
    nn.init.ones_(model.weight)

    average.update()

    assert float(average.model.weight) == pytest.approx(1 - 1 / 11)


def test_running_statistics_are_averaged_and_counters_copied() -> None:
    model = nn.BatchNorm1d(2)
    average = AveragedWeights(model, decay=0.05)
    model.running_mean.fill_(1.0)
    model.num_batches_tracked.fill_(7)

    average.update()

    torch.testing.assert_close(average.model.running_mean, torch.full((2,), 0.95))
    assert int(average.model.num_batches_tracked) == 7


def test_the_average_never_learns_by_itself() -> None:
    average = AveragedWeights(nn.Linear(2, 2), decay=0.9)

    assert not any(parameter.requires_grad for parameter in average.model.parameters())


def test_a_weight_that_two_layers_share_moves_once() -> None:
    model = nn.Sequential(nn.Linear(1, 1, bias=False), nn.Linear(1, 1, bias=False))
    model[1].weight = model[0].weight
    nn.init.zeros_(model[0].weight)
    average = AveragedWeights(model, decay=0.05)
    nn.init.ones_(model[0].weight)

    average.update()

    assert float(average.model[0].weight) == pytest.approx(0.95)


def test_a_buffer_that_was_put_in_place_of_another_is_followed() -> None:
    model = nn.BatchNorm1d(2)
    average = AveragedWeights(model, decay=0.05)
    model.running_mean = torch.ones(2)

    average.update()

    torch.testing.assert_close(average.model.running_mean, torch.full((2,), 0.95))
