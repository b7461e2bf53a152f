"""Blocks: one file each, one line in the table."""

from collections.abc import Mapping
from typing import Final

from search_spaces.blocks.basic import Basic
from search_spaces.blocks.bottleneck import Bottleneck
from search_spaces.blocks.convnext import ConvNeXt
from search_spaces.blocks.dual_path import DualPath
from search_spaces.blocks.dual_path_pre import DualPathPre
from search_spaces.blocks.fused import Fused
from search_spaces.blocks.gnconv import GnConv
from search_spaces.blocks.inverted import Inverted
from search_spaces.blocks.plain import Plain
from search_spaces.blocks.repvgg import RepVGG
from search_spaces.part import Part

BLOCKS: Final[Mapping[str, type[Part]]] = {
    "basic": Basic,
    "bottleneck": Bottleneck,
    "convnext": ConvNeXt,
    "dual_path": DualPath,
    "dual_path_pre": DualPathPre,
    "fused": Fused,
    "gnconv": GnConv,
    "inverted": Inverted,
    "plain": Plain,
    "repvgg": RepVGG,
}

__all__ = [
    "BLOCKS",
    "Basic",
    "Bottleneck",
    "ConvNeXt",
    "DualPath",
    "DualPathPre",
    "Fused",
    "GnConv",
    "Inverted",
    "Plain",
    "RepVGG",
]
