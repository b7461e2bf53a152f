"""Samplers by name: who proposes the next candidate."""

from collections.abc import Callable, Mapping
from typing import Final

from optuna.samplers import BaseSampler

from millinet.tables import pick
from nas.samplers.context import SamplerContext
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

    Raises:
        ConfigError: If there is none.
    """
    return foreign_maker(name) if is_foreign(name) else pick("sampler", name, SAMPLERS, group="samplers")


__all__ = ["SAMPLERS", "GatedSampler", "SamplerContext", "sampler_maker"]
