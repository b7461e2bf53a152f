"""Criteria: how channels are scored, one file each."""

from collections.abc import Mapping
from typing import Final

from compress.criteria.activation import ACTIVATION
from compress.criteria.batch_norm import BATCH_NORM
from compress.criteria.criterion import Batch, Criterion
from compress.criteria.fisher import FISHER
from compress.criteria.geometric_median import GEOMETRIC_MEDIAN
from compress.criteria.l1 import L1
from compress.criteria.l2 import L2
from compress.criteria.lamp import LAMP
from compress.criteria.random_scores import RANDOM
from compress.criteria.taylor import TAYLOR

__all__ = ["CRITERIA", "Batch", "Criterion"]

CRITERIA: Final[Mapping[str, Criterion]] = {
    "l1": L1,
    "l2": L2,
    "batch-norm": BATCH_NORM,
    "lamp": LAMP,
    "geometric-median": GEOMETRIC_MEDIAN,
    "taylor": TAYLOR,
    "fisher": FISHER,
    "activation": ACTIVATION,
    "random": RANDOM,
}
