"""The yardsticks: frozen networks of every order of duration, and the time each takes on this device.

A candidate is compared with the rung whose duration is nearest. Whatever slows the machine slows both, so
their ratio holds still where absolute times wander by tens of percent.
"""

from dataclasses import dataclass, field
from math import exp, log, sqrt
from statistics import fmean, stdev
from typing import Final

import torch
from torch import nn

from millinet.latency.settings import LatencySettings
from millinet.latency.subject import Subject, prepare
from millinet.latency.timer import time_once
from millinet.latency.visit import Visit, typical_ms

NUM_RUNGS: Final = 20
_WIDTH: Final = 32
_MAX_DEPTH: Final = 8
_SIDE: Final = 8

SETTLED: Final = 25
"""Visits after which an anchor stands still."""
RECENT: Final = 8
"""Latest visits that are compared with the anchor."""
DRIFT: Final = 0.05
"""Change of the reference's own time, as a fraction, that makes a new anchor."""
FLOOR: Final = 0.005
"""Least standard error of an anchor, as a fraction: visits of one minute cannot see slower drift."""


def rung(level: int) -> tuple[nn.Module, torch.Tensor]:
    """Build a reference network and its input; each level takes about twice the time of the one before.

    Plain 3x3 convolutions of 32 channels with ReLU: first more layers, then more pixels.
    """
    depth = min(2**level, _MAX_DEPTH)
    doublings = max(0, level - _MAX_DEPTH.bit_length() + 1)
    height, width = _SIDE * 2 ** (doublings // 2), _SIDE * 2 ** ((doublings + 1) // 2)
    layers: list[nn.Module] = []
    for _ in range(depth):
        layers += [nn.Conv2d(_WIDTH, _WIDTH, 3, padding=1), nn.ReLU()]
    generator = torch.Generator().manual_seed(level)
    network = nn.Sequential(*layers)
    for parameter in network.parameters():
        nn.init.uniform_(parameter, -0.08, 0.08, generator=generator)
    return network, torch.randn(1, _WIDTH, height, width, generator=generator)


@dataclass(slots=True)
class Reference:
    """One frozen network, and what its visits said about the time it takes on this device."""

    name: str
    subject: Subject
    logs: list[float] = field(default_factory=list)
    """Log of the median time of each visit, in log milliseconds."""
    anchored_on: list[float] = field(default_factory=list)
    """The visits the present anchor rests on."""
    num_anchors: int = 1
    """Anchors so far; more than one means that the machine changed its pace."""

    def add_visit(self, visit: Visit) -> None:
        """Take one more visit into the anchor, or make a new anchor when the pace has changed."""
        log_ms = log(typical_ms(visit.reference))
        self.logs.append(log_ms)
        if len(self.anchored_on) < SETTLED:
            self.anchored_on.append(log_ms)
        recent = self.logs[-RECENT:]
        if len(self.logs) < 2 * RECENT or recent == self.anchored_on:
            return
        shift = fmean(recent) - fmean(self.anchored_on)
        if abs(shift) > max(log(1 + DRIFT), 4 * stdev(recent) / sqrt(RECENT)):
            self.anchored_on = list(recent)
            self.num_anchors += 1

    @property
    def anchor_ms(self) -> float:
        """The time of the reference that ratios are multiplied by, in milliseconds."""
        return exp(fmean(self.anchored_on))

    @property
    def anchor_error(self) -> float:
        """Standard error of the anchor, as a fraction."""
        count = len(self.anchored_on)
        spread = stdev(self.anchored_on) / sqrt(count) if count > 1 else 0.0
        return max(FLOOR, spread)


class Ladder:
    """The references of one device and one form, each built when first needed."""

    def __init__(self, device: torch.device, settings: LatencySettings) -> None:
        self._device = device
        self._settings = settings
        self._rungs: dict[int, Reference] = {}

    def nearest(self, duration_ms: float) -> Reference:
        """Return the rung whose duration is nearest to that of a candidate, by ratio."""
        level = 0
        best = self._at(level)
        distance = abs(log(self._quick_ms(best) / duration_ms))
        while level + 1 < NUM_RUNGS:
            level += 1
            above = self._at(level)
            further = abs(log(self._quick_ms(above) / duration_ms))
            if further >= distance:
                break
            best, distance = above, further
        return best

    def _at(self, level: int) -> Reference:
        if level not in self._rungs:
            network, example = rung(level)
            subject = prepare(network, example, device=self._device, settings=self._settings)
            quick = min(time_once(subject.call) for _ in range(3))
            self._rungs[level] = Reference(f"rung {level}", subject._replace(rough_ms=quick))
        return self._rungs[level]

    def _quick_ms(self, reference: Reference) -> float:
        return reference.anchor_ms if reference.anchored_on else reference.subject.rough_ms
