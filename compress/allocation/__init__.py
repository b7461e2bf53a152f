"""Allocations: how many channels each group keeps."""

from collections.abc import Mapping
from typing import Final

from compress.allocation.knapsack import knapsack
from compress.allocation.problem import Allocation, Choice, Cost, Price, Problem
from compress.allocation.threshold import threshold
from compress.allocation.uniform import uniform

__all__ = ["ALLOCATIONS", "Allocation", "Choice", "Cost", "Price", "Problem"]

ALLOCATIONS: Final[Mapping[str, Allocation]] = {
    "knapsack": knapsack,
    "uniform": uniform,
    "threshold": threshold,
}
