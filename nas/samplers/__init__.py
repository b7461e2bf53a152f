"""Samplers by name: who proposes the next candidate."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Final

from optuna.samplers import BaseSampler

from millinet.tables import pick
from nas.samplers.context import SamplerContext
from nas.samplers.distinct import DistinctSampler
from nas.samplers.foreign import foreign_maker, is_foreign
from nas.samplers.gated import GatedSampler
from nas.samplers.stock import gp, nsga2, random, tpe

SAMPLERS: Final[Mapping[str, Callable[[SamplerContext], BaseSampler]]] = {
    "gated": GatedSampler,
    "gp": gp,
    "nsga2": nsga2,
    "random": random,
    "tpe": tpe,
}


def sampler_maker(name: str) -> Callable[[SamplerContext], BaseSampler]:
    """Return what makes the sampler of that name: in the table, of a plug-in, or a dotted name.

    What it makes proposes no network twice.

    Raises:
        ConfigError: If there is none.
    """
    maker: Callable[[SamplerContext], BaseSampler] = (
        foreign_maker(name) if is_foreign(name) else pick("sampler", name, SAMPLERS, group="samplers")
    )
    return partial(_distinct, maker)


def _distinct(maker: Callable[[SamplerContext], BaseSampler], context: SamplerContext) -> BaseSampler:
    sampler = maker(context)
    return sampler if isinstance(sampler, GatedSampler) else DistinctSampler(sampler, context)


__all__ = ["SAMPLERS", "DistinctSampler", "GatedSampler", "SamplerContext", "sampler_maker"]
