"""A storage whose every request outlasts a database that is away for a while."""

import time
from collections.abc import Callable, Mapping
from typing import Any

from optuna.storages import BaseStorage, get_storage

from nas.patience import Patience
from nas.shared_storage import OpenTrial, SharedStorage


def _patiently(name: str) -> Callable[..., Any]:
    def request(self: "PatientStorage", *arguments: Any, **named: Any) -> Any:
        operation = getattr(self.cached, name)
        return self.keep_trying(lambda: operation(*arguments, **named))

    return request


class PatientStorage(BaseStorage):
    """Optuna's storage interface over a `SharedStorage`, each request repeated until it is answered.

    Repeating does no harm: a trial that was made but not acknowledged is found again, a result that was
    written but not acknowledged is there.

    Args:
        shared: The tables.
        patience: How long the database may be away.
        address: The storage's address without its password, for messages.
    """

    def __init__(self, shared: SharedStorage, *, patience: Patience, address: str) -> None:
        self.shared = shared
        self.patience = patience
        self.address = address
        # Finished trials never change, so Optuna's cache reads each of them once.
        self.cached = get_storage(shared)
        self.unbroken_since = time.monotonic()
        """Since when this process could have heard of the others: the database was there, and it ran itself.

        In seconds of its steady clock. Silence before that says nothing about a worker.
        """

    def keep_trying(self, operation: Callable[[], Any]) -> Any:
        """Return what `operation` returns, tried again while the database is away."""
        return self.patience.keep_trying(operation, address=self.address, on_failure=self._note_break)

    def close(self) -> None:
        """Close the connections; new ones are opened where it is used again."""
        self.shared.remove_session()
        self.shared.engine.dispose()

    def note_pause(self, *, meant: float, took: float) -> None:
        """Take notice of a pause of this process; one that took far longer than meant was a freeze.

        Args:
            meant: Seconds it should have taken.
            took: Seconds it took.
        """
        if took > 3.0 * meant + 1.0:
            self._note_break()

    def _note_break(self) -> None:
        self.unbroken_since = time.monotonic()

    create_new_study = _patiently("create_new_study")
    create_new_trial = _patiently("create_new_trial")
    delete_study = _patiently("delete_study")
    get_all_studies = _patiently("get_all_studies")
    get_all_trials = _patiently("get_all_trials")
    get_best_trial = _patiently("get_best_trial")
    get_study_directions = _patiently("get_study_directions")
    get_study_id_from_name = _patiently("get_study_id_from_name")
    get_study_name_from_id = _patiently("get_study_name_from_id")
    get_study_system_attrs = _patiently("get_study_system_attrs")
    get_study_user_attrs = _patiently("get_study_user_attrs")
    get_trial = _patiently("get_trial")
    get_trial_id_from_study_id_trial_number = _patiently("get_trial_id_from_study_id_trial_number")
    remove_session = _patiently("remove_session")
    set_study_system_attr = _patiently("set_study_system_attr")
    set_study_user_attr = _patiently("set_study_user_attr")
    set_trial_intermediate_value = _patiently("set_trial_intermediate_value")
    set_trial_param = _patiently("set_trial_param")
    set_trial_state_values = _patiently("set_trial_state_values")
    set_trial_system_attr = _patiently("set_trial_system_attr")
    set_trial_user_attr = _patiently("set_trial_user_attr")

    def is_first_to_propose(self, trial_id: int, fingerprint: str) -> bool:
        """Note what a trial proposes; tell whether no other open trial proposes the same."""
        return bool(self.keep_trying(lambda: self.shared.is_first_to_propose(trial_id, fingerprint)))

    def beat(self, trial_id: int) -> None:
        """Say that the trial is still worked on."""
        self.keep_trying(lambda: self.shared.beat(trial_id))

    def open_trials(self, study_id: int) -> list[OpenTrial]:
        """List the trials in hand."""
        found: list[OpenTrial] = self.keep_trying(lambda: self.shared.open_trials(study_id))
        return found

    def give_up(
        self, trial: OpenTrial, attributes: Mapping[str, Any], *, retry: Mapping[str, Any] | None = None
    ) -> bool:
        """Close a trial whose worker is lost; see `SharedStorage.give_up`."""
        return bool(self.keep_trying(lambda: self.shared.give_up(trial, attributes, retry=retry)))
