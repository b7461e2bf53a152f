"""Say every few seconds, beside the work, that a trial is still worked on."""

import threading
import time
from types import TracebackType
from typing import Self

from millinet.errors import StorageError
from nas.patient_storage import PatientStorage


class Heartbeat:
    """Beats for one trial inside a `with` block; the first beat was written when the trial was taken.

    Args:
        storage: Where the trial is.
        trial_id: The trial.
        seconds: Time between two beats.
    """

    def __init__(self, storage: PatientStorage, trial_id: int, *, seconds: float) -> None:
        self._storage, self._trial_id, self._seconds = storage, trial_id, seconds
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._beat, name=f"heartbeat of {trial_id}", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # Not joined: a beat may be waiting for a database that is away, and it harms nothing afterwards.
        self._is_over.set()

    def _beat(self) -> None:
        began = time.monotonic()
        while not self._is_over.wait(self._seconds):
            self._storage.note_pause(meant=self._seconds, took=time.monotonic() - began)
            try:
                self._storage.beat(self._trial_id)
            except StorageError:
                # The work in hand meets the same database when it is told, and says so then.
                return
            began = time.monotonic()
