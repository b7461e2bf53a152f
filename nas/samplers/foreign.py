"""A sampler by its dotted name: any of Optuna's, OptunaHub's, or one's own.

--sampler optuna.samplers.CmaEsSampler
--sampler optunahub:samplers/auto_sampler     (needs the package optunahub; it fetches and runs foreign code)
--sampler my_package.my_module.MySampler
"""

import warnings
from collections.abc import Callable
from functools import partial
from importlib import import_module
from inspect import signature
from typing import Any, Final

from optuna.exceptions import ExperimentalWarning
from optuna.samplers import BaseSampler

from millinet.errors import ConfigError
from nas.samplers.context import SamplerContext
from nas.samplers.stock import seed_of

HUB: Final = "optunahub:"
"""How the name of a sampler of OptunaHub begins."""


def is_foreign(name: str) -> bool:
    """Tell whether a name is one of a sampler that stands in no table."""
    return name.startswith(HUB) or "." in name


def foreign_maker(name: str) -> Callable[[SamplerContext], BaseSampler]:
    """Find a sampler's class and return what makes it; it gets a seed where it takes one.

    Raises:
        ConfigError: If there is no such module or class, or it is no sampler.
    """
    found = _from_hub(name.removeprefix(HUB)) if name.startswith(HUB) else _from_module(name)
    if not (isinstance(found, type) and issubclass(found, BaseSampler)):
        raise ConfigError(
            f"sampler {name!r} is no subclass of optuna.samplers.BaseSampler; name a class that is"
        )
    return partial(_make, found)


def _make(sampler: Callable[..., BaseSampler], context: SamplerContext) -> BaseSampler:
    settings: dict[str, Any] = {"seed": seed_of(context)} if "seed" in signature(sampler).parameters else {}
    with warnings.catch_warnings():
        # Who names a sampler knows that Optuna calls it experimental.
        warnings.simplefilter("ignore", ExperimentalWarning)
        return sampler(**settings)


def _from_module(name: str) -> object:
    module, _, attribute = name.rpartition(".")
    try:
        return getattr(import_module(module), attribute)
    except (ImportError, AttributeError) as error:
        raise ConfigError(
            f"no sampler called {name!r}: {error}; write it as package.module.Class, "
            f"for example optuna.samplers.TPESampler"
        ) from error


def _from_hub(package: str) -> object:
    try:
        hub = import_module("optunahub")
    except ImportError as error:
        raise ConfigError(f"sampler optunahub:{package} needs the package optunahub; install it") from error
    module = hub.load_module(package)
    samplers = [
        value
        for value in vars(module).values()
        if isinstance(value, type) and issubclass(value, BaseSampler) and value.__module__ == module.__name__
    ]
    return samplers[0] if samplers else None
