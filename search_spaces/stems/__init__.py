"""Stems: from the image to the first feature map."""

from collections.abc import Mapping
from typing import Final

from search_spaces.part import Part
from search_spaces.stems.conv3 import Conv3
from search_spaces.stems.conv7 import Conv7
from search_spaces.stems.deep import Deep
from search_spaces.stems.patch import Patch

STEMS: Final[Mapping[str, type[Part]]] = {
    "conv3": Conv3,
    "conv7": Conv7,
    "deep": Deep,
    "patch": Patch,
}

__all__ = ["STEMS", "Conv3", "Conv7", "Deep", "Patch"]
