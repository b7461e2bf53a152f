"""A worker that another program started leaves with it."""

import os
import signal
import threading

import pytest

from nas.worker_command import watch_input

DEADLINE_SECONDS = 60.0


def test_the_end_of_its_input_reaches_a_worker_as_a_request_to_leave(monkeypatch: pytest.MonkeyPatch) -> None:
    theirs, ours = os.pipe()
    asked_to_leave = threading.Event()
    before = signal.signal(signal.SIGTERM, lambda *_: asked_to_leave.set())
    try:
        with os.fdopen(theirs, "rb") as stdin:
            monkeypatch.setattr("sys.stdin", stdin)
            watching = threading.Thread(target=watch_input)
            watching.start()
            os.write(ours, b"what is written means nothing")
            os.close(ours)
            watching.join(DEADLINE_SECONDS)
        assert asked_to_leave.wait(DEADLINE_SECONDS)
    finally:
        signal.signal(signal.SIGTERM, before)
