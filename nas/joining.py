"""Join a running search from what its study says, on this machine or any other that sees the data."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import optuna
import torch

from millinet.data import load_data
from millinet.device import describe, resolve_device
from millinet.errors import ConfigError, DataError
from millinet.latency import Budget, LatencyMeter, LatencySettings
from millinet.masking import masked
from millinet.training import recipe_of
from nas.address import connect
from nas.conditions import Conditions
from nas.evidence import evidence_of
from nas.identity import this_worker
from nas.objectives import check_countable
from nas.patience import Patience
from nas.problem import Problem
from nas.samplers import SamplerContext, sampler_maker
from nas.storage import close_study, objectives_of
from nas.terms import Terms, check_device, check_trust, check_versions
from search_spaces import SearchSpace


class Joined(NamedTuple):
    """A search as a worker sees it."""

    problem: Problem
    study: optuna.Study
    notes: list[str]
    """What the worker should say about how it differs from the search."""


@contextmanager
def joined(
    place: str | Path,
    name: str,
    *,
    data: str | None,
    device: str | None,
    conditions: Conditions,
    is_trusted: bool = False,
) -> Iterator[Joined]:
    """Open the search called `name`, with everything needed to work on its trials.

    Args:
        place: Address or file of the storage.
        name: Name of the study there.
        data: Where the data are on this machine; None takes the search's own spec.
        device: Where to measure and train; None takes the search's.
        conditions: How long the storage may be away.
        is_trusted: Whether code that the study names may be run here: a data factory, a sampler by its dotted
            name.

    Raises:
        ConfigError: If there is no such search, or this installation or device does not fit it.
        DataError: If the data are others.
    """
    with ExitStack() as stack:
        study = _existing(place, name, conditions.patience)
        stack.callback(close_study, study)
        yield stack.enter_context(_working(study, data, device, is_trusted=is_trusted))


@contextmanager
def _working(
    study: optuna.Study, data: str | None, device: str | None, *, is_trusted: bool
) -> Iterator[Joined]:
    name = study.study_name
    terms = Terms.read(study)
    notes = check_versions(terms)
    check_trust(terms, is_trusted=is_trusted)
    config = terms.search_config
    target = str(resolve_device(device or terms.device.get("device")))
    check_device(terms, describe(target).as_dict())
    check_countable(objectives_of(study), torch.device(target))
    loaded = load_data(data or terms.data, seed=config.seed)
    if loaded.fingerprint != terms.data_fingerprint:
        raise DataError(
            f"the search was begun on data {terms.data_fingerprint}, {loaded.spec!r} here is "
            f"{loaded.fingerprint}; copy the same images, or say where they are with --data"
        )
    channels, height, width = loaded.input_shape
    space = SearchSpace.from_toml(
        terms.space,
        origin=f"study {name}",
        in_channels=channels,
        num_classes=loaded.num_classes,
        resolution=(height, width),
    )
    if space.fingerprint != terms.space_fingerprint:
        raise ConfigError(
            f"the space of study {name!r} is {space.fingerprint} here and {terms.space_fingerprint} there; "
            f"give the same plug-in files with --plugin"
        )
    budget = replace(Budget.parse(terms.budget), limit_ms=terms.limit_ms)
    settings = LatencySettings(confidence=config.confidence).under(budget)
    with LatencyMeter(target, settings) as meter:
        problem = Problem(
            space=space,
            data=loaded,
            budget=budget.resolve(torch.zeros(1, *loaded.input_shape), meter=meter),
            meter=meter,
            device=target,
            recipe=recipe_of(config.recipe),
            config=config,
        )
        study.sampler = sampler_maker(config.sampler)(
            SamplerContext(
                # A name of its own each time: no two workers draw the same numbers.
                seed=int(this_worker().name[-8:], 16) % 2**31,
                space=space,
                limit_ms=terms.limit_ms,
                num_trials=config.num_trials,
                num_told=len(study.trials),
                objectives=tuple(objectives_of(study)),
                evidence=evidence_of(problem),
            )
        )
        yield Joined(problem, study, notes)


def _existing(place: str | Path, name: str, patience: Patience) -> optuna.Study:
    if isinstance(place, Path) and not place.is_file():
        raise ConfigError(
            f"there is no study file {masked(str(place))}; give the one in the run folder of the search"
        )
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    storage = connect(place, patience=patience)
    known = sorted(study.study_name for study in storage.get_all_studies())
    if name not in known:
        storage.close()
        raise ConfigError(
            f"{storage.address} has no study {name!r}; it has {', '.join(known) or 'none yet'}; "
            f"the search that makes it comes first"
        )
    return optuna.load_study(study_name=name, storage=storage)
