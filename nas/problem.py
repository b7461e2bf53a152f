"""What a search works on."""

from dataclasses import dataclass

import torch
from torch import Tensor

from millinet.data import DataSet
from millinet.latency import Budget, LatencyMeter
from millinet.training import Recipe
from nas.config import SearchConfig
from search_spaces import SearchSpace


@dataclass(frozen=True, kw_only=True, slots=True)
class Problem:
    """A space, searched on a data set inside a latency budget on one device."""

    space: SearchSpace
    """Where candidates come from."""
    data: DataSet
    """What they are trained and validated on."""
    budget: Budget
    """The limit, resolved to milliseconds."""
    meter: LatencyMeter
    """What measures them."""
    device: str
    """Where they are trained and measured, as torch writes it."""
    recipe: Recipe
    """How a trial is trained; the same for all, so that they compare."""
    config: SearchConfig
    """The rest of the settings."""

    @property
    def example(self) -> Tensor:
        """One image of zeros, shape (1, channels, height, width)."""
        return torch.zeros(1, *self.data.input_shape)

    @property
    def limit_ms(self) -> float:
        """The budget in milliseconds."""
        if self.budget.limit_ms is None:
            raise AssertionError("a problem's budget is resolved before the search starts")
        return self.budget.limit_ms
