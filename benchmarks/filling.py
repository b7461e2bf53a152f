"""Fill a study with trials by one statement a table; one by one, ten thousand take many minutes."""

from collections.abc import Iterator, Sequence
from json import dumps
from typing import Any

import optuna
from optuna.distributions import distribution_to_json
from optuna.storages._rdb import models
from optuna.trial import FrozenTrial
from sqlalchemy import Engine, Table, func, insert, select

_TABLES = models.BaseModel.metadata.tables


def fill(study: optuna.Study, trials: Sequence[FrozenTrial]) -> None:
    """Add trials to a study in a relational storage; leaves there what `study.add_trials` would."""
    if not trials:
        return  # an insert of no rows is one of the defaults
    study_id, table = study._study_id, _TABLES["trials"]
    with _engine_of(study).begin() as connection:
        before = select(func.count()).select_from(table).where(table.c.study_id == study_id)
        first = connection.execute(before).scalar_one()
        made = [
            {
                "study_id": study_id,
                "number": number,
                "state": trial.state,
                "datetime_start": trial.datetime_start,
                "datetime_complete": trial.datetime_complete,
            }
            for number, trial in enumerate(trials, start=first)
        ]
        returning = insert(table).returning(table.c.trial_id, sort_by_parameter_order=True)
        ids = connection.execute(returning, made).scalars().all()
        for belonging, rows in _belonging(dict(zip(ids, trials, strict=True))):
            if rows:
                connection.execute(insert(belonging), rows)


def _belonging(trials: dict[int, FrozenTrial]) -> Iterator[tuple[Table, list[dict[str, Any]]]]:
    """Yield the rows of every table beside that of the trials themselves."""
    yield (
        _TABLES["trial_values"],
        [
            {"trial_id": trial_id, "objective": objective, "value": stored, "value_type": kind}
            for trial_id, trial in trials.items()
            for objective, value in enumerate(trial.values or ())
            for stored, kind in [models.TrialValueModel.value_to_stored_repr(value)]
        ],
    )
    yield (
        _TABLES["trial_params"],
        [
            {
                "trial_id": trial_id,
                "param_name": name,
                "param_value": trial.distributions[name].to_internal_repr(value),
                "distribution_json": distribution_to_json(trial.distributions[name]),
            }
            for trial_id, trial in trials.items()
            for name, value in trial.params.items()
        ],
    )
    for name, attributes in (("user", "user_attrs"), ("system", "system_attrs")):
        yield (
            _TABLES[f"trial_{name}_attributes"],
            [
                {"trial_id": trial_id, "key": key, "value_json": dumps(value)}
                for trial_id, trial in trials.items()
                for key, value in getattr(trial, attributes).items()
            ],
        )


def _engine_of(study: optuna.Study) -> Engine:
    storage: Any = study._storage
    return storage.shared.engine if hasattr(storage, "shared") else storage._backend.engine
