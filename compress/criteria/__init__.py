"""Criteria: how channels are scored, one file each."""

from collections.abc import Mapping
from typing import Final

from compress.criteria.criterion import Batch, Criterion
from compress.criteria.l1 import L1
from compress.criteria.l2 import L2

__all__ = ["CRITERIA", "Batch", "Criterion"]

CRITERIA: Final[Mapping[str, Criterion]] = {"l1": L1, "l2": L2}
