"""Start more workers on this machine, each a program of its own that joins the search as any other would."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Final

import optuna

from millinet.errors import RunFolderError
from millinet.runs import RunFolder
from millinet.tables import loaded_plugins
from nas.address import VARIABLE
from nas.conditions import Conditions
from nas.storage import storage_of

_SECONDS_TO_LEAVE: Final = 30.0
"""Time a worker that has nothing left to do is given to notice."""


@contextmanager
def local_workers(
    run: RunFolder, study: optuna.Study, *, count: int, conditions: Conditions
) -> Iterator[list[int]]:
    """Keep `count` more workers of a study inside the block; yields their process numbers.

    They leave by themselves when the search has its trials, their time is up or this process has ended, and
    are stopped if the block is left before. What they say is in the run folder, `workers/NUMBER.log`.

    Args:
        run: Where their logs go.
        study: What they work on.
        count: How many there are; this process comes on top.
        conditions: When the time is up, and how long the trial then in hand may be silent.

    Raises:
        RunFolderError: If that cannot be written, or the system lets no more processes start.
    """
    with ExitStack() as stack:
        started = [
            stack.enter_context(_worker(run.path, study, number, max_seconds=conditions.max_seconds))
            for number in range(2, count + 2)
        ]
        yield [worker.pid for worker in started]
        # At the end of the time each has a trial in hand, which is not to be lost.
        is_timed = conditions.max_seconds is not None
        patience = conditions.silence_seconds if is_timed else _SECONDS_TO_LEAVE
        for worker in started:
            # One that does not notice the end, frozen for example, is stopped when the block is left.
            with suppress(subprocess.TimeoutExpired):
                worker.wait(patience)


@contextmanager
def _worker(
    folder: Path, study: optuna.Study, number: int, *, max_seconds: float | None
) -> Iterator["subprocess.Popen[bytes]"]:
    command = [sys.executable, "-m", "millinet", "worker", "--study", study.study_name]
    # The study is this search's own, and the end of the pipe is the end of this process.
    command += ["--trust-study", "--leave-with-input"]
    if max_seconds is not None:
        command += ["--minutes", str(max_seconds / 60.0)]
    for plugin in loaded_plugins():
        command += ["--plugin", str(plugin)]
    # The address travels in the environment: a command line is open to every user of the machine.
    environment = os.environ | {VARIABLE: storage_of(study).shared.url}
    file = folder / "workers" / f"{number}.log"
    try:
        file.parent.mkdir(exist_ok=True)
        with file.open("ab") as log:
            worker = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=log, stderr=subprocess.STDOUT, env=environment
            )
    except OSError as error:
        raise RunFolderError(
            f"cannot start worker {number} with its log {file}: {error.strerror}; free space or processes, "
            f"or ask for fewer --workers"
        ) from error
    with worker:
        try:
            yield worker
        finally:
            _stop(worker)


def _stop(worker: "subprocess.Popen[bytes]") -> None:
    if worker.poll() is None:
        worker.terminate()
        try:
            worker.wait(_SECONDS_TO_LEAVE)
        except subprocess.TimeoutExpired:
            worker.kill()
            worker.wait()
