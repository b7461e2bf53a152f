"""The yardsticks: frozen networks of every order of duration, and the time each takes on this device.

A candidate is compared with a rung of about its duration. Whatever slows the machine slows both, so their
ratio holds still where absolute times wander by tens of percent.
"""

from dataclasses import dataclass, field
from math import exp, inf, log, sqrt
from statistics import median
from typing import Final

import torch
from torch import Tensor, nn

from millinet.latency.calm import CALM_VISIT
from millinet.latency.settings import LatencySettings
from millinet.latency.subject import Subject, prepare
from millinet.latency.visit import Visit, typical_ms
from millinet.statistics import robust_centre

NUM_RUNGS: Final = 20
_WIDTH: Final = 32
_MAX_DEPTH: Final = 8
_SIDE: Final = 8

SETTLED: Final = 25
"""Visits from which on a lasting change of pace makes a new anchor."""
RECENT: Final = 8
"""Latest visits that must all be off by the drift to make a new anchor."""
DRIFT: Final = 0.05
"""Change of the reference's own time, as a fraction, that makes a new anchor."""
USUAL_SPREAD: Final = 0.04
"""Spread of a reference's visits that is assumed before they are seen, as a fraction.

On a shared machine with nothing else to do it was 2 to 5%, by the hour.
"""
USUAL_WEIGHT: Final = 4
"""How many visits that assumption counts for."""
PACE_SECONDS: Final = 6.0
"""For how long a machine keeps its pace: visits closer together than this say the same about it.

Medians of 8, 25 and 100 visits over 5, 16 and 65 s were off by 2, 1.3 and 0.4%, where independent visits
would have been by 1, 0.5 and 0.3% (benchmarks/latency_visits.py).
"""
LEAST_ERROR: Final = 0.008
"""Least standard error of an anchor, as a fraction.

A pace also drifts over minutes, which no number of visits within one averages out: with 0.3% instead, settled
anchors covered 88 to 90% of 190 sequences (benchmarks/results/latency_streams_earlier.json).
"""


def rung(level: int) -> tuple[nn.Module, Tensor]:
    """Build a reference network and its input; each level takes about twice the time of the one before.

    Plain 3x3 convolutions of 32 channels with ReLU: first more layers, then more pixels. References with as
    much weight memory as the candidate were tried, and followed it no better beside busy neighbours.
    """
    depth = min(2**level, _MAX_DEPTH)
    doublings = max(0, level - _MAX_DEPTH.bit_length() + 1)
    height, width = _SIDE * 2 ** (doublings // 2), _SIDE * 2 ** ((doublings + 1) // 2)
    generator = torch.Generator().manual_seed(level)
    layers: list[nn.Module] = []
    for _ in range(depth):
        layers += [nn.Conv2d(_WIDTH, _WIDTH, 3, padding=1), nn.ReLU()]
    network = nn.Sequential(*layers)
    for parameter in network.parameters():
        nn.init.uniform_(parameter, -0.06, 0.06, generator=generator)
    return network, torch.randn(1, _WIDTH, height, width, generator=generator)


@dataclass(slots=True)
class Reference:
    """One frozen network, and what its visits said about the time it takes on this device."""

    name: str
    subject: Subject
    anchored_on: list[float] = field(default_factory=list)
    """Log of the median time, in log milliseconds, of each visit the anchor rests on."""
    pinned_ms: float | None = None
    """Time it is defined to take: a budget relative to it has no error of its own."""
    num_anchors: int = 1
    """Anchors so far; more than one means that the machine changed its pace."""
    _since_ms: float = 0.0
    _until_ms: float = 0.0
    _is_makeshift: bool = True

    def add_visit(self, visit: Visit) -> None:
        """Take one more visit into the anchor, or make a new anchor when the pace has changed.

        Disturbed visits count only as long as there is no calm one.
        """
        if self.pinned_ms is not None:
            return
        is_calm = visit.share_undisturbed >= CALM_VISIT
        if is_calm and self._is_makeshift:
            self.anchored_on, self._is_makeshift = [], False
        if not is_calm and not self._is_makeshift:
            return
        if not self.anchored_on:
            self._since_ms = visit.at_ms
        self._until_ms = visit.at_ms
        self.anchored_on.append(log(typical_ms(visit.reference)))
        if len(self.anchored_on) > SETTLED and self._has_drifted():
            self.anchored_on = self.anchored_on[-RECENT:]
            self._since_ms = visit.at_ms
            self.num_anchors += 1

    def _has_drifted(self) -> bool:
        anchor, recent = median(self.anchored_on), self.anchored_on[-RECENT:]
        lasting = min(recent) - anchor, anchor - max(recent)
        return max(lasting) > log(1 + DRIFT)

    @property
    def anchor_ms(self) -> float:
        """The time of the reference that ratios are multiplied by, in milliseconds."""
        return exp(median(self.anchored_on)) if self.pinned_ms is None else self.pinned_ms

    @property
    def anchor_error(self) -> float:
        """Standard error of the anchor, as a fraction.

        The spread of its visits, drawn towards the usual one while they are few, over the root of the number
        of times the machine may have changed its pace meanwhile. Infinite before the first visit.
        """
        if self.pinned_ms is not None:
            return 0.0
        count = len(self.anchored_on)
        if not count:
            return inf
        own = robust_centre(self.anchored_on)[1] ** 2 * count
        spread = sqrt((USUAL_WEIGHT * USUAL_SPREAD**2 + count * own) / (USUAL_WEIGHT + count))
        paces = 1 + (self._until_ms - self._since_ms) / 1e3 / PACE_SECONDS
        return max(LEAST_ERROR, spread / sqrt(min(count, paces)))


class Ladder:
    """The references of one device and one form, each built when first needed."""

    def __init__(self, device: torch.device, settings: LatencySettings) -> None:
        self._device = device
        self._settings = settings
        self._rungs: dict[int, Reference] = {}

    def for_duration(self, duration_ms: float) -> Reference:
        """Return the rung to compare a candidate with.

        Of those that take 0.5 to 2 times as long, the one whose own time is known best; before any has been
        visited, and where none is within a factor of two, the nearest.
        """
        nearest = self._nearest(duration_ms)
        within = [rung for rung in self._rungs.values() if _distance(rung, duration_ms) <= log(2)]
        known = min(within, key=lambda rung: rung.anchor_error, default=nearest)
        return known if known.anchored_on else nearest

    def _nearest(self, duration_ms: float) -> Reference:
        best = self._at(0)
        for level in range(1, NUM_RUNGS):
            above = self._at(level)
            if _distance(above, duration_ms) < _distance(best, duration_ms):
                best = above
            elif _quick_ms(above) > duration_ms:
                break
        return best

    def _at(self, level: int) -> Reference:
        if level not in self._rungs:
            network, example = rung(level)
            subject = prepare(network, example, device=self._device, settings=self._settings)
            self._rungs[level] = Reference(f"rung {level}", subject)
        return self._rungs[level]


def _distance(reference: Reference, duration_ms: float) -> float:
    return abs(log(_quick_ms(reference) / duration_ms))


def _quick_ms(reference: Reference) -> float:
    return reference.anchor_ms if reference.anchored_on else reference.subject.rough_ms
