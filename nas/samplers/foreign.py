"""A sampler by its dotted name: any of Optuna's, OptunaHub's, or one's own.

--sampler optuna.samplers.CmaEsSampler
--sampler optunahub:samplers/auto_sampler     (needs the package optunahub; it fetches and runs foreign code)
--sampler my_package.my_module.MySampler
"""

import warnings
from collections.abc import Callable, Iterator
from functools import partial
from importlib import import_module
from inspect import signature
from types import ModuleType
from typing import Final

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
    with warnings.catch_warnings():
        # Who names a sampler knows that Optuna calls it experimental.
        warnings.simplefilter("ignore", ExperimentalWarning)
        try:
            takes_seed = "seed" in signature(sampler).parameters
            return sampler(seed=seed_of(context)) if takes_seed else sampler()
        except Exception as error:
            raise ConfigError(
                f"sampler {sampler.__name__} cannot be made without arguments: {_line(error)}; name a class "
                f"that can, for example a subclass of your own"
            ) from error


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
    try:
        module = hub.load_module(package)
    except Exception as error:
        raise ConfigError(
            f"sampler optunahub:{package} was not loaded: {_line(error)}; name a package of OptunaHub's "
            f"registry, as optunahub:samplers/auto_sampler, and install what it needs"
        ) from error
    return next(iter(_offered(module)), None)


def _offered(module: ModuleType) -> Iterator[type[BaseSampler]]:
    """Yield the samplers that a package offers: those of `__all__`, else those it defines."""
    listed = getattr(module, "__all__", None)
    for name in vars(module) if listed is None else listed:
        value = getattr(module, name, None)
        if not (isinstance(value, type) and issubclass(value, BaseSampler)):
            continue
        if listed is not None or value.__module__.startswith(module.__name__):
            yield value


def _line(error: Exception) -> str:
    """Say in one line what foreign code raised; git tells the cause in its last."""
    return " ".join(str(error).split())[:300] or type(error).__name__
