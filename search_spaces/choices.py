"""What a search may choose at one position: variants of a part, and for each the axes it varies along.

Choices can restrict each other (a width may not suit an expansion). Every combination is checked once, and a
choice is offered only with values that some allowed combination completes: nothing is drawn and thrown away,
and the number of points is exact.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from math import prod
from typing import NamedTuple

from millinet.errors import ConfigError
from search_spaces.options import Value, canonical, complete
from search_spaces.part import Part

Choose = Callable[[str, Sequence[Value]], Value]
"""Picks one of the values offered under a name."""


@dataclass(frozen=True, kw_only=True)
class Variant:
    """One part with the values each of its axes may take."""

    label: str
    """Name in parameters; a part may come under several."""
    part_name: str
    """Name in the table of parts."""
    part: type[Part]
    """The class itself."""
    axes: Mapping[str, tuple[Value, ...]]
    """Values of `width`, where it is chosen here, and of the part's options."""
    free: Mapping[str, tuple[Value, ...]]
    """Values of the axes that no part restricts: depth and stride of a stage."""
    keys: Mapping[str, str]
    """Parameter name of each axis."""
    multiple_of: int = 1
    """What a width must be a multiple of, and every width inside the part that follows from it."""

    @cached_property
    def combinations(self) -> list[dict[str, Value]]:
        """Every allowed combination of the restricted axes, in order.

        Raises:
            ConfigError: If there is none.
        """
        allowed, last = [], "it has an axis without values"
        for values in product(*self.axes.values()):
            combination = dict(zip(self.axes, values, strict=True))
            problem = self._problem(combination)
            if problem:
                last = problem
            else:
                allowed.append(combination)
        if not allowed:
            raise ConfigError(f"no combination of {self.label!r} is possible: {last}")
        return allowed

    def _problem(self, combination: Mapping[str, Value]) -> str:
        """Say why a combination is impossible; empty where it is not."""
        width = int(combination.get("width", 0))
        if width % self.multiple_of:
            return f"no width is a multiple of {self.multiple_of}, got {list(self.axes['width'])}"
        given = {name: value for name, value in combination.items() if name != "width"}
        options = complete(self.part, canonical(self.part, given))
        try:
            self.part.check(width, **options)
        except ConfigError as error:
            return str(error)
        inside = self.part.inner_widths(width, **options)
        if any(inner % self.multiple_of for inner in inside):
            return f"no width inside is a multiple of {self.multiple_of}, got {list(inside)} at {combination}"
        return ""

    @property
    def size(self) -> int:
        """Number of distinct choices."""
        return len(self.combinations) * prod(len(values) for values in self.free.values())

    def walk(self, choose: Choose) -> dict[str, Value]:
        """Choose a value on every axis; values left without a choice are taken without asking."""
        chosen = {axis: _ask(choose, self.keys[axis], values, values) for axis, values in self.free.items()}
        remaining = self.combinations
        for axis, values in self.axes.items():
            offered = list(dict.fromkeys(combination[axis] for combination in remaining))
            chosen[axis] = _ask(choose, self.keys[axis], values, offered)
            remaining = [combination for combination in remaining if combination[axis] == chosen[axis]]
        return chosen

    def at(self, index: int) -> dict[str, Value]:
        """Return choice number `index` of `size`."""
        chosen = {}
        for axis, values in self.free.items():
            index, position = divmod(index, len(values))
            chosen[axis] = values[position]
        return chosen | self.combinations[index]

    def holds(self, values: Mapping[str, Value]) -> bool:
        """Tell whether these values, options at their default included, are one of the choices."""
        default = complete(self.part, {})
        axes = {axis: values.get(axis, default.get(axis)) for axis in self.axes}
        others = {
            name: value for name, value in values.items() if name not in self.axes and name not in self.free
        }
        return (
            all(values[axis] in self.free[axis] for axis in self.free)
            and all(default.get(name) == value for name, value in others.items())
            and axes in self.combinations
        )

    def neighbours(self, values: Mapping[str, Value]) -> list[dict[str, Value]]:
        """List the choices that differ from `values` on exactly one axis."""
        restricted = {axis: values[axis] for axis in self.axes}
        found = [
            {**values, axis: other}
            for axis in self.free
            for other in self.free[axis]
            if other != values[axis]
        ]
        return found + [
            {**values, **combination}
            for combination in self.combinations
            if sum(combination[axis] != restricted[axis] for axis in self.axes) == 1
        ]

    def nearest(self, values: Mapping[str, Value]) -> dict[str, Value]:
        """Return the choice that shares most axes with `values`, which may be another variant's."""
        free = {
            axis: values[axis] if values.get(axis) in known else known[0] for axis, known in self.free.items()
        }
        best = max(
            self.combinations, key=lambda combination: sum(values.get(a) == v for a, v in combination.items())
        )
        return free | best


class Chosen(NamedTuple):
    """What was chosen at one position."""

    variant: Variant
    values: Mapping[str, Value]
    """Value of every axis."""


@dataclass(frozen=True, kw_only=True)
class Slot:
    """One position of a network: its stem, a stage or its head."""

    prefix: str
    """How its parameters begin."""
    key: str
    """Parameter that names the variant."""
    variants: tuple[Variant, ...]
    """What may stand here."""
    is_optional: bool = False
    """Whether nothing may stand here."""

    @cached_property
    def size(self) -> int:
        """Number of distinct choices."""
        return sum(variant.size for variant in self.variants) + int(self.is_optional)

    def walk(self, choose: Choose) -> Chosen | None:
        """Choose what stands here; None is nothing."""
        if self.is_optional and not choose(f"{self.prefix}.present", (False, True)):
            return None
        labels = [variant.label for variant in self.variants]
        label = _ask(choose, self.key, labels, labels)
        variant = next(variant for variant in self.variants if variant.label == label)
        return Chosen(variant, variant.walk(choose))

    def at(self, index: int) -> Chosen | None:
        """Return choice number `index` of `size`."""
        for variant in self.variants:
            if index < variant.size:
                return Chosen(variant, variant.at(index))
            index -= variant.size
        return None

    def find(self, part_name: str, values: Mapping[str, Value]) -> Chosen | None:
        """Return the choice that is this part with these values; None where there is none."""
        for variant in self.variants:
            if variant.part_name == part_name and variant.holds(values):
                axes = (*variant.free, *variant.axes)
                return Chosen(variant, {axis: values[axis] for axis in axes})
        return None

    def params(self, chosen: Chosen | None) -> dict[str, Value]:
        """Name and value of everything that `walk` asks on the way to `chosen`."""
        asked: dict[str, Value] = {}

        def answer(key: str, _: Sequence[Value]) -> Value:
            asked[key] = self._answer(key, chosen)
            return asked[key]

        self.walk(answer)
        return asked

    def neighbours(self, chosen: Chosen | None) -> list[Chosen | None]:
        """List every choice that differs in one value, or in the variant with as little else as possible."""
        return [self.neighbour(chosen, index) for index in range(self.num_neighbours(chosen))]

    def num_neighbours(self, chosen: Chosen | None) -> int:
        """Count what `neighbours` lists."""
        if chosen is None:
            return len(self.variants)
        inside = len(chosen.variant.neighbours(chosen.values))
        return inside + len(self.variants) - 1 + int(self.is_optional)

    def neighbour(self, chosen: Chosen | None, index: int) -> Chosen | None:
        """Return number `index` of `neighbours`, without making the others."""
        if chosen is None:
            return Chosen(self.variants[index], self.variants[index].at(0))
        variant, values = chosen
        inside = variant.neighbours(values)
        if index < len(inside):
            return Chosen(variant, inside[index])
        others = [other for other in self.variants if other is not variant]
        index -= len(inside)
        return Chosen(others[index], others[index].nearest(values)) if index < len(others) else None

    def _answer(self, key: str, chosen: Chosen | None) -> Value:
        if chosen is None or key == f"{self.prefix}.present":
            return chosen is not None
        if key == self.key:
            return chosen.variant.label
        name = key.partition("[")[0]
        axis = next(axis for axis, known in chosen.variant.keys.items() if known == name)
        return chosen.values[axis]


def _ask(choose: Choose, key: str, values: Sequence[Value], offered: Sequence[Value]) -> Value:
    if len(offered) == 1:
        return offered[0]
    # A name always stands for the same values, as Optuna demands; fewer values are another parameter.
    name = key if len(offered) == len(values) else f"{key}[{','.join(str(value) for value in offered)}]"
    return choose(name, offered)
