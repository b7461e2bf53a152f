"""Points of a space as one number a position: drawn, edited, named and priced without making an architecture.

A proposal looks at a thousand candidates and makes one. What a position may hold is remembered with all that
follows from it, and so is what a part costs where it stands.
"""

from collections.abc import Hashable, Mapping, Sequence
from itertools import accumulate
from math import log
from typing import Any, Final

import numpy as np

from search_spaces.choices import Chosen, Slot
from search_spaces.costs import part_costs
from search_spaces.options import Value, complete
from search_spaces.part import Outgoing, Part, Place
from search_spaces.plan import Planned
from search_spaces.space import SearchSpace
from search_spaces.tally import Tally

Point = tuple[int, ...]
"""Number of the choice at each position: stem, stages, head, layers."""
Price = tuple[int, int, int]
"""Multiply-adds, parameters, and the number of what is handed on."""

_MOST_PRICED: Final = 200_000
"""Positions whose price is kept; forgotten all at once beyond that."""


class Points:
    """The points of one space, numbered as they are met.

    Numbers differ from one process to the next; names and values do not.
    """

    def __init__(self, space: SearchSpace) -> None:
        self._positions = [_Position(slot) for slot in space.slots]
        self._num_classes = space.num_classes
        # What may be handed on is numbered too, the image first: of so many prices only whole numbers are
        # kept, which the garbage collector passes over; else it stops a proposal for half a second.
        self._handed: list[Outgoing] = []
        self._handed_numbers: dict[Outgoing, int] = {}
        self._image = self._hand(Outgoing(space.in_channels, space.resolution))
        self._priced: dict[tuple[int, int, int], Price] = {}
        self._blocks: dict[Hashable, Price] = {}

    def draw(self, rng: np.random.Generator) -> Point:
        """Draw a point, each with the same probability."""
        shares = rng.random(len(self._positions)).tolist()
        return tuple(
            position.at(int(share * position.size))
            for position, share in zip(self._positions, shares, strict=True)
        )

    def edit(self, point: Point, rng: np.random.Generator) -> Point:
        """Draw one of the neighbours, each with the same probability; an only point is its own."""
        counts = [
            position.num_neighbours(number) for position, number in zip(self._positions, point, strict=True)
        ]
        ends = list(accumulate(counts))
        if not ends[-1]:
            return point
        drawn = int(rng.integers(ends[-1]))
        place = next(place for place, end in enumerate(ends) if drawn < end)
        other = self._positions[place].neighbour(point[place], drawn - ends[place] + counts[place])
        return (*point[:place], other, *point[place + 1 :])

    def locate(self, params: Mapping[str, Any]) -> Point:
        """Return the point at which a space's `suggest` gives its answers from `params`."""
        return tuple(position.locate(params) for position in self._positions)

    def params(self, point: Point) -> dict[str, Value]:
        """Return the parameters under which a space's `suggest` gives the point."""
        params: dict[str, Value] = {}
        for position, number in zip(self._positions, point, strict=True):
            params |= position.params(number)
        return params

    def choices(self, point: Point) -> dict[str, Value]:
        """Return every choice by name, those left without an alternative included."""
        choices: dict[str, Value] = {}
        for position, number in zip(self._positions, point, strict=True):
            choices |= position.named[number]
        return choices

    def log_costs(self, point: Point) -> tuple[float, float]:
        """Return the logarithms of its multiply-adds and of its parameters, for comparing points.

        The parameters are those with the usual layers; a broken part counts as none.
        """
        arriving, macs, parameters = self._image, 1, 1
        # The layers, which stand last, cost no multiply-adds and next to no parameters.
        for place, number in enumerate(point[:-1]):
            key = (place, number, arriving)
            if key not in self._priced:
                if len(self._priced) >= _MOST_PRICED:
                    self._priced.clear()
                self._priced[key] = self._price(place, number, arriving)
            own_macs, own_parameters, arriving = self._priced[key]
            macs += own_macs
            parameters += own_parameters
        return log(macs), log(parameters)

    def _price(self, place: int, number: int, arriving: int) -> Price:
        """Count what a position's choice costs, and number what it hands on."""
        chosen = self._positions[place].chosen[number]
        if chosen is None:
            return 0, 0, arriving
        macs, parameters, handed = self._count(chosen, arriving)
        return macs, parameters, self._hand(self._handed[handed]._replace(streams=()))

    def _hand(self, outgoing: Outgoing) -> int:
        """Return the number of what a position hands on."""
        number = self._handed_numbers.setdefault(outgoing, len(self._handed))
        if number == len(self._handed):
            self._handed.append(outgoing)
        return number

    def _count(self, chosen: Chosen, arriving: int) -> Price:
        """Count what the blocks of one position cost, and number what the last hands on."""
        variant, values = chosen
        own = {axis: values[axis] for axis in variant.axes if axis != "width"}
        width = int(values.get("width", self._num_classes))
        depth = int(values.get("depth", 1))
        all_macs = all_parameters = 0
        for index in range(depth):
            stride = int(values.get("stride", 1)) if index == 0 else 1
            # Beyond the first, neither count nor outgoing depend on the position.
            key = (variant.part, *own.items(), width, stride, index > 0, arriving)
            if key not in self._blocks:
                given = self._handed[arriving]
                place = Place(
                    in_channels=given.channels,
                    out_channels=width,
                    resolution=given.resolution,
                    streams=given.streams,
                    stride=stride,
                    index=index,
                )
                tally, outgoing = _block(variant.part, place, complete(variant.part, own))
                self._blocks[key] = tally.macs, tally.parameters, self._hand(outgoing)
            macs, parameters, handed = self._blocks[key]
            # Where it hands on what it was given, what follows is equal to this one.
            times = depth - index if index and handed == arriving else 1
            all_macs += times * macs
            all_parameters += times * parameters
            if times > 1:
                break
            arriving = handed
        return all_macs, all_parameters, arriving


class _Position:
    """What may stand at one position, numbered as it is met."""

    def __init__(self, slot: Slot) -> None:
        self._slot = slot
        self._numbers: dict[Hashable, int] = {}
        self._drawn: dict[int, int] = {}
        self._counts: dict[int, int] = {}
        self._near: dict[tuple[int, int], int] = {}
        self.chosen: list[Chosen | None] = []
        self.named: list[dict[str, Value]] = []

    @property
    def size(self) -> int:
        return self._slot.size

    def at(self, index: int) -> int:
        if index not in self._drawn:
            self._drawn[index] = self._number(self._slot.at(index))
        return self._drawn[index]

    def num_neighbours(self, number: int) -> int:
        if number not in self._counts:
            self._counts[number] = self._slot.num_neighbours(self.chosen[number])
        return self._counts[number]

    def neighbour(self, number: int, index: int) -> int:
        if (number, index) not in self._near:
            found = self._slot.neighbour(self.chosen[number], index)
            self._near[number, index] = self._number(found)
        return self._near[number, index]

    def params(self, number: int) -> dict[str, Value]:
        return self._slot.params(self.chosen[number])

    def locate(self, params: Mapping[str, Any]) -> int:
        def answer(key: str, _: Sequence[Value]) -> Any:
            return params[key]

        return self._number(self._slot.walk(answer))

    def _number(self, chosen: Chosen | None) -> int:
        key = None if chosen is None else (chosen.variant.label, *sorted(chosen.values.items()))
        if key not in self._numbers:
            self._numbers[key] = len(self.chosen)
            self.chosen.append(chosen)
            self.named.append(self._names(chosen))
        return self._numbers[key]

    def _names(self, chosen: Chosen | None) -> dict[str, Value]:
        # Shorter than the names of the parameters, which say what was offered where that is less than usual.
        if chosen is None:
            return {self._slot.key: "nothing"}
        return {self._slot.key: chosen.variant.label} | {
            chosen.variant.keys[axis]: value for axis, value in chosen.values.items()
        }


def _block(part: type[Part], place: Place, options: Mapping[str, Value]) -> tuple[Tally, Outgoing]:
    outgoing = part.outgoing(place, **options)
    try:
        tally = part.tally(place, **options)
        if tally is None:
            costs = part_costs(Planned(part, place, options, outgoing))
            tally = Tally(costs.parameters, costs.macs)
    except Exception:  # noqa: BLE001 -- a block may fail in any way; the trial will tell how
        return Tally(), outgoing
    return tally, outgoing
