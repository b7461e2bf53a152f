from collections.abc import Callable

import pytest
import torch
from torch import nn

from millinet.data import DataSet, load_data


@pytest.fixture(scope="session")
def digits() -> DataSet:
    return load_data("digits")


@pytest.fixture(scope="session")
def few_digits(digits: DataSet) -> DataSet:
    """The first 200 training digits, for claims about mechanics."""
    return digits.with_train(digits.train.subset(range(200)))


@pytest.fixture
def small_net() -> Callable[..., nn.Module]:
    def make(seed: int = 0) -> nn.Module:
        torch.manual_seed(seed)
        return nn.Sequential(
            nn.Conv2d(1, 12, 3, padding=1, bias=False),
            nn.BatchNorm2d(12),
            nn.ReLU(),
            nn.Conv2d(12, 24, 3, stride=2, padding=1, bias=False),
            nn.BatchNorm2d(24),
            nn.ReLU(),
            nn.Dropout(0.05),
            nn.Flatten(),
            nn.Linear(24 * 16, 10),
        )

    return make
