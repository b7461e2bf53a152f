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
from nas.storage import storage_of

_SECONDS_TO_LEAVE: Final = 30.0


@contextmanager
def local_workers(run: RunFolder, study: optuna.Study, *, count: int) -> Iterator[list[int]]:
    """Keep `count` more workers of a study inside the block; yields their process numbers.

    They leave by themselves when the search has its trials or this process has ended, and are stopped if the
    block is left before. What they say is in the run folder, `workers/NUMBER.log`.

    Raises:
        RunFolderError: If that cannot be written, or the system lets no more processes start.
    """
    with ExitStack() as stack:
        started = [stack.enter_context(_worker(run.path, study, number)) for number in range(2, count + 2)]
        yield [worker.pid for worker in started]
        for worker in started:
            # One that does not notice the end, frozen for example, is stopped when the block is left.
            with suppress(subprocess.TimeoutExpired):
                worker.wait(_SECONDS_TO_LEAVE)


@contextmanager
def _worker(folder: Path, study: optuna.Study, number: int) -> Iterator["subprocess.Popen[bytes]"]:
    command = [sys.executable, "-m", "millinet", "worker", "--study", study.study_name]
    # The study is this search's own, and the end of the pipe is the end of this process.
    command += ["--trust-study", "--leave-with-input"]
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
