"""Stem, stages and head as plain descriptions: what an architecture is put together from."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from millinet.errors import ConfigError
from millinet.tables import pick
from search_spaces.blocks import BLOCKS
from search_spaces.heads import HEADS
from search_spaces.options import Value, canonical
from search_spaces.part import Part
from search_spaces.stems import STEMS

MOST: Final = 65_536
"""Largest width and depth; beyond it a description is a mistake."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Stem:
    """The stem of an architecture."""

    name: str
    """A name in `STEMS`."""
    width: int
    """Channels it hands on."""
    options: Mapping[str, Value] = field(default_factory=dict, hash=False)
    """Keyword arguments of the stem; those at their default are dropped."""

    def __post_init__(self) -> None:
        _check_count(f"width of stem {self.name!r}", self.width)
        _settle_options(self, self.part)

    @property
    def part(self) -> type[Part]:
        """The class it is built from."""
        return pick("stem", self.name, STEMS, group="stems")

    def __str__(self) -> str:
        return f"{self.name}{_in_brackets(self.options)} {self.width}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Stage:
    """Consecutive blocks of one kind, at one width."""

    block: str
    """A name in `BLOCKS`."""
    depth: int
    """Number of blocks, at least 1."""
    width: int
    """Channels every block hands on."""
    stride: int = 1
    """Stride of the first block, 1 or 2."""
    options: Mapping[str, Value] = field(default_factory=dict, hash=False)
    """Keyword arguments of every block; those at their default are dropped."""

    def __post_init__(self) -> None:
        _check_count(f"depth of a {self.block!r} stage", self.depth)
        _check_count(f"width of a {self.block!r} stage", self.width)
        if self.stride not in (1, 2):
            raise ConfigError(f"stride of a {self.block!r} stage must be 1 or 2, got {self.stride}")
        _settle_options(self, self.part)

    @property
    def part(self) -> type[Part]:
        """The class its blocks are built from."""
        return pick("block", self.block, BLOCKS, group="blocks")

    def __str__(self) -> str:
        stride = "/2" if self.stride == 2 else ""
        return f"{self.block}{_in_brackets(self.options)} {self.width}x{self.depth}{stride}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Head:
    """The head of an architecture."""

    name: str = "dense"
    """A name in `HEADS`."""
    options: Mapping[str, Value] = field(default_factory=dict, hash=False)
    """Keyword arguments of the head; those at their default are dropped."""

    def __post_init__(self) -> None:
        _settle_options(self, self.part)

    @property
    def part(self) -> type[Part]:
        """The class it is built from."""
        return pick("head", self.name, HEADS, group="heads")

    def __str__(self) -> str:
        return f"{self.name}{_in_brackets(self.options)}"


def _check_count(what: str, value: int) -> None:
    if not 1 <= value <= MOST:
        raise ConfigError(f"{what} must be 1 to {MOST}, got {value}")


def _settle_options(owner: Any, part: type[Part]) -> None:
    # The only write to a frozen description: its options are brought to their canonical form once.
    object.__setattr__(owner, "options", canonical(part, owner.options))


def _in_brackets(options: Mapping[str, Value]) -> str:
    return f"({', '.join(f'{name}={value}' for name, value in options.items())})" if options else ""
