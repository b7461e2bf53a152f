"""Samplers by name: who proposes the next candidate."""

from collections.abc import Callable, Mapping
from typing import Final

from optuna.samplers import BaseSampler

from nas.samplers.stock import nsga2, random, tpe

SamplerFactory = Callable[[int], BaseSampler]
"""Takes a seed."""

SAMPLERS: Final[Mapping[str, SamplerFactory]] = {
    "nsga2": nsga2,
    "random": random,
    "tpe": tpe,
}

__all__ = ["SAMPLERS", "SamplerFactory"]
