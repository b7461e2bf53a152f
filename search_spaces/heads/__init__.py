"""Heads: from the last feature map to the logits."""

from collections.abc import Mapping
from typing import Final

from search_spaces.heads.dense import Dense
from search_spaces.heads.perceptron import Perceptron
from search_spaces.heads.sparse_coded import SparseCoded
from search_spaces.part import Part

HEADS: Final[Mapping[str, type[Part]]] = {
    "dense": Dense,
    "perceptron": Perceptron,
    "sparse-coded": SparseCoded,
}

__all__ = ["HEADS", "Dense", "Perceptron", "SparseCoded"]
