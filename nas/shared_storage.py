"""Optuna's tables, made safe for many workers: each trial is taken, kept alive and told by one of them.

Optuna 5.0 takes an enqueued trial twice on SQLite, leaves the trial of a killed worker open for ever, and
starts its heartbeat only some time after a trial was made. Here a trial is made or taken, signed by its
worker and given its first heartbeat in one transaction; and it is told in one transaction with all that
belongs to it, so that a result is in the study whole or not at all. This is the only file that knows
Optuna's tables.
"""

import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from json import dumps, loads
from typing import Any, Final, NamedTuple

from optuna.distributions import (
    BaseDistribution,
    check_distribution_compatibility,
    distribution_to_json,
    json_to_distribution,
)
from optuna.exceptions import UpdateFinishedTrialError
from optuna.storages import RDBStorage
from optuna.storages._rdb import models  # the tables themselves have no public name in Optuna 5.0
from optuna.trial import FrozenTrial, TrialState
from sqlalchemy import Connection, Table, delete, exists, func, insert, select, update

from millinet.errors import MillinetError
from nas.identity import Worker
from nas.records import CANDIDATE, ROW, TICKET, WORKER

_TABLES: Final[Mapping[str, Table]] = models.BaseModel.metadata.tables
_STUDIES, _TRIALS, _BEATS = (_TABLES[name] for name in ("studies", "trials", "trial_heartbeats"))
_USER, _SYSTEM = _TABLES["trial_user_attributes"], _TABLES["trial_system_attributes"]
_VALUES, _PARAMS = _TABLES["trial_values"], _TABLES["trial_params"]

COLUMNS: Final[Mapping[str, frozenset[str]]] = {
    name: frozenset(column.name for column in table.columns) for name, table in _TABLES.items()
}
"""Every table of a storage, with its columns."""
FIXED: Final = "fixed_params"
"""System attribute under which Optuna keeps the parameters of an enqueued trial."""


class NoSlotError(MillinetError):
    """As many trials are finished or in hand as were asked for."""


class OpenTrial(NamedTuple):
    """A trial some worker has in hand, or had."""

    trial_id: int
    number: int
    worker: Worker | None
    """Who took it; None where it was not taken by this program."""
    beat: str | None
    """When the database last heard of it, by the database's clock."""


class SharedStorage(RDBStorage):
    """A relational storage in which every trial belongs to one worker at a time.

    Args:
        url: Address, as SQLAlchemy reads it.
        worker: Who takes trials through this object.
        engine_kwargs: What SQLAlchemy's `create_engine` takes.
    """

    def __init__(self, url: str, *, worker: Worker, engine_kwargs: dict[str, Any] | None = None) -> None:
        try:
            super().__init__(url, engine_kwargs=engine_kwargs)
        except BaseException:
            # Optuna 5.0 leaves the connections open that it failed with, and who is away is tried often.
            if hasattr(self, "engine"):
                self.remove_session()
                self.engine.dispose()
            raise
        self.worker = worker
        self.num_slots: int | None = None
        """Trials that may be finished or in hand together; None does not limit them."""
        self._staged: dict[int, dict[str, Any]] = {}
        self._collected: dict[int, list[dict[str, Any]]] | None = None
        self._ticket: str | None = None

    def stage(self, trial_id: int, attributes: Mapping[str, Any]) -> None:
        """Put user attributes aside, to be written in the transaction that finishes the trial."""
        self._staged[trial_id] = dict(attributes)

    def unstage(self, trial_id: int) -> None:
        """Drop what was put aside for a trial that another worker has finished."""
        self._staged.pop(trial_id, None)

    def set_trial_state_values(
        self, trial_id: int, state: TrialState, values: Sequence[float] | None = None
    ) -> bool:
        """Take a waiting trial, or finish an open one.

        Returns:
            Whether it was this worker's call that did it.

        Raises:
            NoSlotError: If a trial is to be taken and none is left.
            UpdateFinishedTrialError: If it is finished already.
        """
        if state == TrialState.RUNNING:
            return self._take(trial_id)
        with self._trial_locked(trial_id) as (connection, found):
            if found.is_finished() or self._signer(connection, trial_id) not in (None, self.worker):
                raise UpdateFinishedTrialError(f"trial with id {trial_id} was finished or given to another")
            _write_attributes(connection, _USER, trial_id, self._staged.get(trial_id, {}))
            for objective, value in enumerate(values or ()):
                stored, kind = models.TrialValueModel.value_to_stored_repr(value)
                row = {"trial_id": trial_id, "objective": objective, "value": stored, "value_type": kind}
                connection.execute(insert(_VALUES).values(**row))
            _close(connection, trial_id, state)
        self._staged.pop(trial_id, None)
        return True

    def _take(self, trial_id: int) -> bool:
        with self._study_locked(self._study_of(trial_id)) as (connection, study_id):
            if self._signer(connection, trial_id) == self.worker:
                return True  # an earlier try took effect, and only its answer was lost
            self._check_slots(connection, study_id)
            taken = connection.execute(
                update(_TRIALS)
                .where(_TRIALS.c.trial_id == trial_id, _TRIALS.c.state == TrialState.WAITING)
                .values(state=TrialState.RUNNING, datetime_start=_now())
            )
            if taken.rowcount == 1:
                self._sign(connection, trial_id, ticket="")
            return taken.rowcount == 1

    def _create_new_trial(self, study_id: int, template_trial: FrozenTrial | None = None) -> FrozenTrial:
        if template_trial is not None:
            return super()._create_new_trial(study_id, template_trial)
        # A ticket left from a try whose answer was lost leads to the trial that the try may have made.
        trial_id = None if self._ticket is None else self._made_with(self._ticket)
        if trial_id is None:
            self._ticket = uuid.uuid4().hex
            with self._study_locked(study_id) as (connection, _):
                try:
                    self._check_slots(connection, study_id)
                except NoSlotError:
                    self._ticket = None  # nothing was made with it
                    raise
                trial_id = _insert_trial(connection, study_id, state=TrialState.RUNNING)
                self._sign(connection, trial_id, ticket=self._ticket)
        made = self.get_trial(trial_id)
        self._ticket = None
        return made

    @contextmanager
    def collecting(self) -> Iterator[None]:
        """Keep back the parameters chosen inside the block, for `is_first_to_propose` to write at once.

        Optuna writes each in a transaction of its own, a dozen to a candidate.
        """
        self._collected = {}
        try:
            yield
        finally:
            self._collected = None

    def _set_trial_param(
        self,
        trial_id: int,
        param_name: str,
        param_value_internal: float,
        distribution: BaseDistribution,
        previous_distribution: BaseDistribution | None,
    ) -> None:
        if self._collected is None:
            super()._set_trial_param(
                trial_id, param_name, param_value_internal, distribution, previous_distribution
            )
            return
        if previous_distribution is not None:
            check_distribution_compatibility(previous_distribution, distribution)
        self._collected.setdefault(trial_id, []).append(
            {
                "trial_id": trial_id,
                "param_name": param_name,
                "param_value": param_value_internal,
                "distribution_json": distribution_to_json(distribution),
            }
        )

    def is_first_to_propose(self, trial_id: int, fingerprint: str) -> bool:
        """Note what a trial proposes; tell whether no other open trial proposes the same.

        Of two workers that ask in the same instant the second sees the first, whatever their samplers knew.
        """
        with self._study_locked(self._study_of(trial_id)) as (connection, study_id):
            if self._collected and (chosen := self._collected.get(trial_id)):
                # An earlier try may have written them, and only its answer was lost.
                connection.execute(delete(_PARAMS).where(_PARAMS.c.trial_id == trial_id))
                connection.execute(insert(_PARAMS), chosen)
            text = dumps(fingerprint)
            same = (
                select(func.count())
                .select_from(_TRIALS.join(_USER, _USER.c.trial_id == _TRIALS.c.trial_id))
                .where(
                    _TRIALS.c.study_id == study_id,
                    _TRIALS.c.state == TrialState.RUNNING,
                    _TRIALS.c.trial_id != trial_id,
                    _USER.c.key == CANDIDATE,
                    _USER.c.value_json == text,
                )
            )
            is_first = connection.execute(same).scalar_one() == 0
            if is_first:
                _write_attributes(connection, _USER, trial_id, {CANDIDATE: fingerprint})
            return is_first

    def beat(self, trial_id: int) -> None:
        """Say that the trial is still worked on, by the database's clock."""
        with self.engine.begin() as connection:
            connection.execute(
                update(_BEATS).where(_BEATS.c.trial_id == trial_id).values(heartbeat=func.current_timestamp())
            )

    def open_trials(self, study_id: int) -> list[OpenTrial]:
        """List the trials in hand, with who has them and when they were last heard of."""
        signed = (_USER.c.trial_id == _TRIALS.c.trial_id) & (_USER.c.key == WORKER)
        asked = (
            select(_TRIALS.c.trial_id, _TRIALS.c.number, _USER.c.value_json, _BEATS.c.heartbeat)
            .select_from(
                _TRIALS.outerjoin(_USER, signed).outerjoin(_BEATS, _BEATS.c.trial_id == _TRIALS.c.trial_id)
            )
            .where(_TRIALS.c.study_id == study_id, _TRIALS.c.state == TrialState.RUNNING)
            .order_by(_TRIALS.c.number)
        )
        with self.engine.connect() as connection:
            rows = connection.execute(asked).all()
        return [
            OpenTrial(
                trial_id,
                number,
                None if worker is None else Worker.read(loads(worker)),
                _text(beat),
            )
            for trial_id, number, worker, beat in rows
        ]

    def give_up(
        self, trial: OpenTrial, attributes: Mapping[str, Any], *, retry: Mapping[str, Any] | None = None
    ) -> bool:
        """Close a trial whose worker is lost, unless it was heard of in the meantime.

        Args:
            trial: As `open_trials` saw it.
            attributes: User attributes that say why.
            retry: User attributes of a new trial of the same candidate, enqueued in its place; None has none.

        Returns:
            Whether it was this call that closed it.
        """
        with self._study_locked(self._study_of(trial.trial_id)) as (connection, study_id):
            at = _TRIALS.c.trial_id == trial.trial_id
            state = connection.execute(select(_TRIALS.c.state).where(at).with_for_update()).scalar_one()
            heard = select(_BEATS.c.heartbeat).where(_BEATS.c.trial_id == trial.trial_id)
            if state != TrialState.RUNNING or _text(connection.execute(heard).scalar()) != trial.beat:
                return False
            _write_attributes(connection, _USER, trial.trial_id, attributes)
            _close(connection, trial.trial_id, TrialState.FAIL)
            params = self._params_of(connection, trial.trial_id)
            if retry is not None and params:
                again = _insert_trial(connection, study_id, state=TrialState.WAITING)
                _write_attributes(connection, _SYSTEM, again, {FIXED: params})
                _write_attributes(connection, _USER, again, retry)
            return True

    def _params_of(self, connection: Connection, trial_id: int) -> dict[str, Any]:
        """Return what a trial was enqueued with, else what it has chosen so far."""
        fixed = select(_SYSTEM.c.value_json).where(_SYSTEM.c.trial_id == trial_id, _SYSTEM.c.key == FIXED)
        text = connection.execute(fixed).scalar()
        if text is not None:
            return loads(text)
        chosen = select(_PARAMS.c.param_name, _PARAMS.c.param_value, _PARAMS.c.distribution_json)
        return {
            name: json_to_distribution(distribution).to_external_repr(value)
            for name, value, distribution in connection.execute(chosen.where(_PARAMS.c.trial_id == trial_id))
        }

    def _sign(self, connection: Connection, trial_id: int, *, ticket: str) -> None:
        signature = self.worker.as_dict()
        _write_attributes(connection, _USER, trial_id, {WORKER: signature, TICKET: self.worker.name + ticket})
        connection.execute(insert(_BEATS).values(trial_id=trial_id, heartbeat=func.current_timestamp()))

    def _signer(self, connection: Connection, trial_id: int) -> Worker | None:
        signed = select(_USER.c.value_json).where(_USER.c.trial_id == trial_id, _USER.c.key == WORKER)
        text = connection.execute(signed).scalar()
        return None if text is None else Worker.read(loads(text))

    def _made_with(self, ticket: str) -> int | None:
        found = (
            select(_TRIALS.c.trial_id)
            .join(_USER, _USER.c.trial_id == _TRIALS.c.trial_id)
            .where(_TRIALS.c.state == TrialState.RUNNING, _USER.c.key == TICKET)
            .where(_USER.c.value_json == dumps(self.worker.name + ticket))
        )
        with self.engine.connect() as connection:
            return connection.execute(found).scalar()

    def _check_slots(self, connection: Connection, study_id: int) -> None:
        if self.num_slots is None:
            return
        begun = (
            select(func.count())
            .select_from(_TRIALS)
            .where(_TRIALS.c.study_id == study_id, _TRIALS.c.state != TrialState.WAITING)
        )
        if connection.execute(begun).scalar_one() < self.num_slots:
            return  # enough even if all are finished; to look into each is dear while the study is held
        has_row = exists().where(_USER.c.trial_id == _TRIALS.c.trial_id, _USER.c.key == ROW)
        taken = (
            select(func.count())
            .select_from(_TRIALS)
            .where(_TRIALS.c.study_id == study_id, (_TRIALS.c.state == TrialState.RUNNING) | has_row)
        )
        if connection.execute(taken).scalar_one() >= self.num_slots:
            raise NoSlotError(f"all {self.num_slots} trials are finished or in hand; add --trials for more")

    def _study_of(self, trial_id: int) -> int:
        with self.engine.connect() as connection:
            asked = select(_TRIALS.c.study_id).where(_TRIALS.c.trial_id == trial_id)
            return connection.execute(asked).scalar_one()

    @contextmanager
    def _study_locked(self, study_id: int) -> Iterator[tuple[Connection, int]]:
        """Hold the study's row, so that workers take trials one after the other."""
        with self._writing() as connection:
            row = select(_STUDIES.c.study_id).where(_STUDIES.c.study_id == study_id).with_for_update()
            connection.execute(row)
            yield connection, study_id

    @contextmanager
    def _trial_locked(self, trial_id: int) -> Iterator[tuple[Connection, TrialState]]:
        """Hold one trial's row, and say in which state it is."""
        with self._writing() as connection:
            row = select(_TRIALS.c.state).where(_TRIALS.c.trial_id == trial_id).with_for_update()
            yield connection, connection.execute(row).scalar_one()

    @contextmanager
    def _writing(self) -> Iterator[Connection]:
        with self.engine.connect() as connection:
            if self.engine.name == "sqlite":
                # Python's driver opens a transaction only at the first write, after what it depends on was
                # read.
                connection.exec_driver_sql("BEGIN IMMEDIATE")
            yield connection
            connection.commit()


def _insert_trial(connection: Connection, study_id: int, *, state: TrialState) -> int:
    before = select(func.count()).select_from(_TRIALS).where(_TRIALS.c.study_id == study_id)
    number = connection.execute(before).scalar_one()
    started = _now() if state == TrialState.RUNNING else None
    row = {"study_id": study_id, "number": number, "state": state, "datetime_start": started}
    made = connection.execute(insert(_TRIALS).values(**row))
    return int(made.inserted_primary_key[0])  # type: ignore[index]


def _write_attributes(
    connection: Connection, table: Table, trial_id: int, attributes: Mapping[str, Any]
) -> None:
    for key, value in attributes.items():
        at = (table.c.trial_id == trial_id) & (table.c.key == key)
        if connection.execute(update(table).where(at).values(value_json=dumps(value))).rowcount == 0:
            connection.execute(insert(table).values(trial_id=trial_id, key=key, value_json=dumps(value)))


def _close(connection: Connection, trial_id: int, state: TrialState) -> None:
    at = _TRIALS.c.trial_id == trial_id
    connection.execute(update(_TRIALS).where(at).values(state=state, datetime_complete=_now()))


def _text(beat: object) -> str | None:
    return None if beat is None else str(beat)


def _now() -> datetime:
    """Return the time as Optuna's tables keep it: UTC without a zone."""
    return datetime.now(UTC).replace(tzinfo=None)
