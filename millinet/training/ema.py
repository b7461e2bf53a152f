"""An exponential moving average of a model's weights.

Polyak averaging as in Tarvainen and Valpola, "Mean teachers", 2017. The decay rises with the number of
steps, so that a short training is not dominated by its random start.
"""

import copy
from typing import Any

import torch
from torch import nn


class AveragedWeights:
    """A second model whose weights follow those of the first."""

    def __init__(self, model: nn.Module, decay: float) -> None:
        self.model = copy.deepcopy(model).requires_grad_(requires_grad=False)
        self.decay = decay
        self.num_updates = 0

    @torch.no_grad()
    def update(self, model: nn.Module) -> None:
        """Move the average towards the weights of `model`; buffers are averaged too, counters copied."""
        self.num_updates += 1
        decay = min(self.decay, self.num_updates / (self.num_updates + 10))
        averaged, current = self.model.state_dict(), model.state_dict()
        floating = [name for name, value in averaged.items() if value.is_floating_point()]
        torch._foreach_lerp_(
            [averaged[name] for name in floating], [current[name] for name in floating], 1.0 - decay
        )
        for name in averaged.keys() - set(floating):
            averaged[name].copy_(current[name])

    def state_dict(self) -> dict[str, Any]:
        """Return the averages and their count."""
        return {"weights": self.model.state_dict(), "num_updates": self.num_updates}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue from a state."""
        self.model.load_state_dict(state["weights"])
        self.num_updates = state["num_updates"]
