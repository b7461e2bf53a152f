"""Turn named choices into bits whose weighted Hamming distance says how far two candidates are apart.

Each name is a column. A column of numbers, such as a depth, asks at every step between two neighbouring
values whether the choice lies above; any other column asks which value it is. An answer is one bit out of as
many as the question has answers, and a choice that is inactive answers nothing. So two different values of a
category are 1 apart, the lowest and the highest of an order are 1 apart with the others evenly between, and
what is inactive lies half way from every answer: a block that is exchanged takes its options along without
making every option count in full.
"""

from bisect import insort
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from itertools import chain
from numbers import Real
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

Choices = Mapping[str, Hashable]
"""The active choices by name; a name that is absent is inactive."""
Bits = NDArray[np.float32] | NDArray[np.float64]


_MOST_REMEMBERED: Final = 50_000
"""Candidates whose bits are kept."""


class Layout(NamedTuple):
    """What each bit belongs to."""

    column: NDArray[np.int64]
    """Column of each bit, shape (bits,)."""
    share: NDArray[np.float64]
    """What a differing bit adds to the distance of its column, shape (bits,)."""
    num_columns: int


class Encoder:
    """Knows the columns and values met so far; both only grow, and columns keep their numbers."""

    def __init__(self) -> None:
        self._values: dict[str, list[Any]] = {}
        self._known: set[tuple[str, type, Hashable]] = set()
        self._coded: dict[Hashable, NDArray[np.int64]] = {}
        self._answers: dict[str, dict[Hashable, list[int]]] | None = None
        self._layout = Layout(np.zeros(0, dtype=np.int64), np.zeros(0), 0)

    def learn(self, choices: Choices) -> None:
        """Take note of the columns and values of a candidate."""
        for name, value in choices.items():
            known = (name, type(value), value)
            if known not in self._known:
                self._known.add(known)
                self._add(name, value)

    def encode(self, candidates: Sequence[tuple[Hashable, Choices]]) -> Bits:
        """Return the bits of candidates, shape (candidates, bits); what was not learnt counts as inactive.

        Args:
            candidates: Each with a key of its own, under which it is remembered.
        """
        self._lay_out()
        places = [self._places_of(key, choices) for key, choices in candidates]
        bits = np.zeros((len(candidates), len(self._layout.column)), dtype=np.float32)
        rows = np.repeat(np.arange(len(places)), [len(one) for one in places])
        bits[rows, np.concatenate([*places, np.zeros(0, dtype=np.int64)])] = 1.0
        return bits

    @property
    def layout(self) -> Layout:
        """What each bit belongs to, as of now."""
        self._lay_out()
        return self._layout

    def _places_of(self, key: Hashable, choices: Choices) -> NDArray[np.int64]:
        if key not in self._coded:
            if len(self._coded) >= _MOST_REMEMBERED:
                self._coded.clear()
            answers = self._lay_out()
            found = [answers.get(name, {}).get(value, []) for name, value in choices.items()]
            self._coded[key] = np.array(list(chain.from_iterable(found)), dtype=np.int64)
        return self._coded[key]

    def _add(self, name: str, value: Any) -> None:
        values = self._values.setdefault(name, [])
        if value in values:
            return
        if _is_ordered([*values, value]):
            insort(values, value)
        else:
            values.append(value)
        self._answers = None
        self._coded.clear()

    def _lay_out(self) -> dict[str, dict[Hashable, list[int]]]:
        if self._answers is not None:
            return self._answers
        columns: list[int] = []
        shares: list[float] = []
        self._answers = {}
        for column, (name, values) in enumerate(self._values.items()):
            questions = list(_questions(values))
            first = len(columns)
            self._answers[name] = {
                value: _places(questions, place, first=first) for place, value in enumerate(values)
            }
            num_bits = sum(max(answers) + 1 for answers in questions)
            columns += [column] * num_bits
            shares += [0.5 / len(questions)] * num_bits
        self._layout = Layout(np.array(columns, dtype=np.int64), np.array(shares), len(self._values))
        return self._answers


def _is_ordered(values: Iterable[Any]) -> bool:
    return all(isinstance(value, Real) and not isinstance(value, bool) for value in values)


def _questions(values: Sequence[Any]) -> Iterator[list[int]]:
    """Yield, for each question of a column, the number of the answer that each value gives."""
    if len(values) > 2 and _is_ordered(values):
        for step in range(1, len(values)):
            yield [int(place >= step) for place in range(len(values))]
    else:
        yield list(range(len(values)))


def _places(questions: Sequence[Sequence[int]], place: int, *, first: int) -> list[int]:
    found = []
    for answers in questions:
        found.append(first + answers[place])
        first += max(answers) + 1
    return found
