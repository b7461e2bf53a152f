"""Blocks: one file each, one line in the table."""

from collections.abc import Mapping
from typing import Final

from search_spaces.blocks.basic import Basic
from search_spaces.blocks.bottleneck import Bottleneck
from search_spaces.blocks.inverted import Inverted
from search_spaces.part import Part

BLOCKS: Final[Mapping[str, type[Part]]] = {
    "basic": Basic,
    "bottleneck": Bottleneck,
    "inverted": Inverted,
}

__all__ = ["BLOCKS", "Basic", "Bottleneck", "Inverted"]
