"""What an allocation decides: widths for every group, so that importance is kept and the cost is met."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from compress.layers import Layer, Width, Widths

Cost = float | NDArray[np.floating[Any]]
"""Of one width, or of each of several."""

Price = Callable[[Layer, Width, Width], Cost]
"""What a layer costs with that many (inputs, outputs); works on several widths at once."""


class Choice(NamedTuple):
    """The widths one group may have, and what each keeps."""

    widths: NDArray[np.int64]
    """Ascending; the last is the full width."""
    lost: NDArray[np.float64]
    """Importance that goes with each width: the sum of the lowest scores."""


@dataclass(frozen=True)
class Problem:
    """Choose a width for each group: lose little, cost at most the limit."""

    choices: Mapping[int, Choice]
    """By index of the group; a block has the widths 0 and 1."""
    layers: Sequence[Layer]
    totals: Widths
    """Full width of every group, prunable or not."""
    price: Price
    fixed: float = 0.0
    """What the model costs whatever the widths."""

    @cached_property
    def touched(self) -> Mapping[int, list[Layer]]:
        """Layers whose cost depends on a group, by its index."""
        return {
            index: [
                layer
                for layer in self.layers
                if index in layer.inputs or index in layer.outputs or index == layer.block
            ]
            for index in self.choices
        }

    @cached_property
    def full(self) -> dict[int, int]:
        """Widths before anything is removed."""
        return {index: int(choice.widths[-1]) for index, choice in self.choices.items()}

    @cached_property
    def least(self) -> dict[int, int]:
        """The narrowest widths allowed."""
        return {index: int(choice.widths[0]) for index, choice in self.choices.items()}

    def cost(self, widths: Widths) -> float:
        """Return the cost of the whole model at these widths."""
        return self.fixed + float(self._sum(self.layers, widths))

    def lost(self, widths: Widths) -> float:
        """Return the importance that goes with these widths."""
        return sum(
            float(choice.lost[np.searchsorted(choice.widths, widths[index])])
            for index, choice in self.choices.items()
        )

    def costs_of(self, index: int, widths: Widths) -> NDArray[np.float64]:
        """Return the cost of the layers a group touches, for each of its widths, the others held."""
        tried = self.choices[index].widths
        return np.zeros(len(tried)) + self._sum(self.touched[index], {**widths, index: tried})

    def _sum(self, layers: Sequence[Layer], widths: Mapping[int, Width]) -> Cost:
        """Add up layers; those in blocks that are taken out whole cost nothing."""
        total: Cost = 0.0
        for layer in layers:
            is_there: Any = widths.get(layer.block, 1) > 0
            total = total + is_there * self.price(layer, *layer.widths(widths, self.totals))
        return total


Allocation = Callable[[Problem, float], dict[int, int]]
"""Takes a problem and a limit on its cost; returns widths within it, or the least where nothing is."""
