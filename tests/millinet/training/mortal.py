"""A network that kills its own process in a training step of its choice."""

import os
import signal

from torch import Tensor, nn

DIES_AT = "DIES_AT_STEP"
"""Environment variable with the number of the step, counted from 1; without it the network lives."""


class Mortal(nn.Module):
    def __init__(self, num_classes: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Flatten(), nn.Linear(64, num_classes), nn.Dropout(0.1))
        self.num_steps = 0

    def forward(self, images: Tensor) -> Tensor:
        if self.training:
            self.num_steps += 1
        if str(self.num_steps) == os.environ.get(DIES_AT):
            os.kill(os.getpid(), signal.SIGKILL)
        return self.layers(images)


def network(num_classes: int) -> nn.Module:
    return Mortal(num_classes)
