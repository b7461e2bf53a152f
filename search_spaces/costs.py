"""What an architecture costs on paper, part by part, so that candidates share what they have in common.

Each part is counted once on the meta device and remembered; a search meets the same parts over and over, so a
candidate costs a handful of look-ups.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import lru_cache
from itertools import pairwise
from math import prod
from typing import Final

import torch
from torch import Tensor, nn

from millinet.costs import Costs, count
from search_spaces.options import Value
from search_spaces.part import Part, Place
from search_spaces.plan import Plan, Planned
from search_spaces.tally import Tally

_MIB_PER_VALUE: Final = 4 / 2**20
"""Size of one float32."""


def plan_tally(plan: Plan) -> Tally:
    """Count parameters and multiply-adds of one image by closed forms, in well under a millisecond."""
    stages = (_stage_tally(stage) for stage in plan.stages)
    return sum((_part_tally(plan.stem), *stages, _part_tally(plan.head)), Tally())


def plan_costs(plan: Plan) -> Costs:
    """Count parameters, multiply-adds of one image, and the largest sum of live activations.

    The sum holds, beside what a part needs itself, its input, the input of its stage and the output of the
    stem: all three are alive while it runs, for their callers refer to them.
    """
    stem = part_costs(plan.stem)
    parameters, macs, peak_mib = stem
    for planned, held_mib in _body(plan):
        costs = part_costs(planned)
        parameters += costs.parameters
        macs += costs.macs
        peak_mib = max(peak_mib, held_mib + costs.activation_mib)
    return Costs(parameters, macs, peak_mib)


def _stage_tally(blocks: Sequence[Planned]) -> Tally:
    # Most blocks of a stage are equal to the one before; only a stage that grows hands on other channels.
    total = each = _part_tally(blocks[0])
    for before, block in pairwise(blocks):
        is_equal = before.place.index > 0 and before.place.in_channels == block.place.in_channels
        each = each if is_equal else _part_tally(block)
        total += each
    return total


def _part_tally(planned: Planned) -> Tally:
    tally = planned.part.tally(planned.place, **planned.options)
    if tally is None:
        costs = part_costs(planned)
        return Tally(costs.parameters, costs.macs)
    return tally


def part_costs(planned: Planned) -> Costs:
    """Count one part by itself."""
    # Beyond the first, neither position nor stochastic depth changes a count: equal blocks share one entry.
    place = replace(planned.place, index=min(planned.place.index, 1), drop_path=0.0)
    options = tuple(planned.options.items())
    return _counted(planned.part, place, options)  # type: ignore[arg-type]  # mypy misses that a class is hashable


def _body(plan: Plan) -> Iterator[tuple[Planned, float]]:
    stem_mib = _input_mib(plan.stages[0][0].place)
    for number, stage in enumerate(plan.stages):
        stage_mib = _input_mib(stage[0].place) if number else 0.0
        for planned in stage:
            block_mib = _input_mib(planned.place) if planned.place.index else 0.0
            yield planned, stem_mib + stage_mib + block_mib
    yield plan.head, _input_mib(plan.head.place)


def _input_mib(place: Place) -> float:
    return prod((place.in_channels, *place.resolution)) * _MIB_PER_VALUE


@lru_cache(maxsize=65536)
def _counted(part: type[Part], place: Place, options: tuple[tuple[str, Value], ...]) -> Costs:
    with torch.device("meta"):
        module: nn.Module = part(place, **dict(options))
        example = torch.empty(1, place.in_channels, *place.resolution)
    return count(_Split(module, place.streams) if place.streams else module, example)


class _Split(nn.Module):
    """Feeds a part that takes several streams from one tensor."""

    def __init__(self, part: nn.Module, streams: tuple[int, ...]) -> None:
        super().__init__()
        self.part = part
        self.streams = list(streams)

    def forward(self, x: Tensor) -> Tensor:
        return self.part(torch.split(x, self.streams, dim=1))
