"""Make a trained network smaller, to a latency budget that is measured."""

from compress.allocation import ALLOCATIONS
from compress.config import PruneConfig
from compress.criteria import CRITERIA, Criterion
from compress.discovery import find_groups
from compress.prune import Pruned, prune

__all__ = ["ALLOCATIONS", "CRITERIA", "Criterion", "PruneConfig", "Pruned", "find_groups", "prune"]
