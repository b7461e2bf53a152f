"""Samplers by name: who proposes the next candidate."""

from collections.abc import Callable, Mapping
from typing import Final

from optuna.samplers import BaseSampler

from nas.samplers.context import SamplerContext
from nas.samplers.gated import GatedSampler
from nas.samplers.stock import nsga2, random, tpe

SAMPLERS: Final[Mapping[str, Callable[[SamplerContext], BaseSampler]]] = {
    "gated": GatedSampler,
    "nsga2": nsga2,
    "random": random,
    "tpe": tpe,
}

__all__ = ["SAMPLERS", "GatedSampler", "SamplerContext"]
