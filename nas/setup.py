"""Turn what a user asked for into a problem, a run folder and a study."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, NamedTuple

import optuna
import torch

from millinet.data import DataSet, load_data
from millinet.device import describe, resolve_device
from millinet.latency import Budget, LatencyMeter, LatencySettings
from millinet.provenance import command_line, commit, utc_now, versions
from millinet.runs import RunFolder, RunRecord
from millinet.training import recipe_of
from nas.conditions import Conditions
from nas.config import SearchConfig
from nas.defaults import default_budget
from nas.evidence import evidence_of
from nas.ledger import check_whole
from nas.objectives import check_countable
from nas.problem import Problem
from nas.samplers import SamplerContext, sampler_maker
from nas.storage import STUDY_NAME, close_study, open_study, storage_of
from nas.terms import Terms, keep_terms
from search_spaces import SearchSpace, load_space


class Prepared(NamedTuple):
    """Everything a search needs."""

    problem: Problem
    run: RunFolder
    study: optuna.Study


@contextmanager
def prepare(
    space: str | Path | SearchSpace,
    data: str | DataSet,
    budget: str | Budget | None,
    *,
    out: Path,
    config: SearchConfig,
    conditions: Conditions,
) -> Iterator[Prepared]:
    """Open everything a search needs; nothing is written before all of the input was read.

    Raises:
        MillinetError: If any of the input cannot work, or the study of a run begun before is gone.
    """
    loaded = load_data(data, seed=config.seed) if isinstance(data, str) else data
    searched = _space(space, loaded)
    asked = _budget(budget, loaded)
    target = str(resolve_device(config.device or asked.device))
    check_countable(config.objectives, torch.device(target))
    recipe, final = (recipe_of(name) for name in (config.recipe, config.final_recipe))
    make_sampler = sampler_maker(config.sampler)
    settings = LatencySettings(confidence=config.confidence).under(asked)
    record = _record(out, loaded, searched, asked, target, config)
    with LatencyMeter(target, settings) as meter:
        # The reference is measured before the folder is made: if it cannot be, nothing is left behind.
        example = torch.zeros(1, *loaded.input_shape)
        resolved = None if (out / "run.json").exists() else asked.resolve(example, meter=meter)
        run = RunFolder.resume_or_create(out, record)
        known_ms = run.record.budget.get("limit_ms")
        if known_ms is not None:
            # A resumed search keeps the limit it began with, whatever the reference would take now.
            resolved = replace(asked, limit_ms=known_ms).resolve(example, meter=meter)
        problem = Problem(
            space=searched,
            data=loaded,
            budget=resolved or asked.resolve(example, meter=meter),
            meter=meter,
            device=target,
            recipe=recipe,
            config=config,
        )
        study = open_study(
            conditions.storage or out / "study.db",
            objectives=config.objectives,
            space_fingerprint=searched.fingerprint,
            name=conditions.study or (STUDY_NAME if conditions.storage is None else out.name),
            patience=conditions.patience,
        )
        check_whole(run, study)
        keep_terms(study, Terms.of(problem, record.device))
        study.sampler = make_sampler(
            SamplerContext(
                seed=config.seed,
                space=searched,
                limit_ms=problem.limit_ms,
                num_trials=config.num_trials,
                num_told=len(study.trials),
                objectives=config.objectives,
                evidence=evidence_of(problem),
            )
        )
        run.save(
            status="running",
            storage={"address": storage_of(study).address, "study": study.study_name},
            num_trials=config.num_trials,
            recipes={"search": recipe.as_dict(), "final": final.as_dict()},
            budget={
                "text": str(problem.budget),
                "limit_ms": problem.limit_ms,
                "batch": problem.budget.batch or 1,
                "reference": asked.reference or "",
            },
        )
        try:
            yield Prepared(problem, run, study)
        finally:
            close_study(study)


def _space(space: str | Path | SearchSpace, data: DataSet) -> SearchSpace:
    if isinstance(space, SearchSpace):
        return space
    channels, height, width = data.input_shape
    return load_space(space, in_channels=channels, num_classes=data.num_classes, resolution=(height, width))


def _budget(budget: str | Budget | None, data: DataSet) -> Budget:
    if isinstance(budget, Budget):
        return budget
    return Budget.parse(budget or default_budget(data))


def _record(
    out: Path, data: DataSet, space: SearchSpace, budget: Budget, device: str, config: SearchConfig
) -> RunRecord:
    settings: dict[str, Any] = asdict(config) | {
        name: ",".join(getattr(config, name)) for name in ("objectives", "proxies")
    }
    del settings["num_trials"]
    if not config.proxies:
        # A run begun before there were proxies is the same as one without.
        del settings["proxies"]
    deciding = {
        "data": data.spec,
        "data_fingerprint": data.fingerprint,
        "space": space.name,
        "space_fingerprint": space.fingerprint,
        "budget": str(budget),
        **settings,
        "device": device,
    }
    return RunRecord(
        name=out.name,
        created=utc_now(),
        command=command_line(),
        config=deciding,
        num_trials=config.num_trials,
        seed=config.seed,
        versions=versions(),
        commit=commit(),
        device=describe(device).as_dict(),
        data=data.as_dict(),
        space={
            "name": space.name,
            "fingerprint": space.fingerprint,
            "size": str(space.size),
            "toml": space.to_toml(),
        },
    )
