"""Judge candidates in a process of their own, which can be stopped and may die.

The process is forked off a server that has torch loaded, so a new one is there in a fraction of a second. It
is kept from one candidate to the next - the data are sent once, the reference networks stay warm - and
replaced after one that hung or crashed. On a GPU the candidates' context is its own, and after an error there
every later call of the process may fail: so it is replaced after each candidate that failed.
"""

import multiprocessing
import pickle
import shutil
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from math import inf
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any, Final, NamedTuple, Self

import torch

from millinet.data import DataSet
from millinet.errors import IsolationError
from millinet.latency import Budget, LatencyMeter, LatencySettings
from millinet.tables import load_plugin, loaded_plugins
from millinet.training import EpochRecord, Recipe
from nas.candidate import FAILED, Outcome, cause_of, try_candidate
from nas.config import SearchConfig
from nas.fidelity import Peer
from nas.problem import Problem
from search_spaces import Architecture, SearchSpace

_SECONDS_TO_DIE: Final = 5.0
_SHARED_MEMORY: Final = Path("/dev/shm")
"""Where Linux keeps the memory that processes share; elsewhere it has no bound of its own."""
_LIKELY: Final = {
    signal.SIGKILL: "as the system does when memory runs out",
    signal.SIGSEGV: "as a faulty extension does",
    signal.SIGABRT: "as a faulty extension does",
    signal.SIGXCPU: "as a limit on processor time does",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Bench:
    """What the process needs to judge candidates, sent to it once."""

    space: SearchSpace
    data: DataSet
    budget: Budget
    device: str
    recipe: Recipe
    config: SearchConfig
    settings: LatencySettings


class Task(NamedTuple):
    """One candidate for the process."""

    architecture: str
    """As JSON."""
    peers: list[Peer]


class IsolatedJudge:
    """Judges candidates one after the other, each in a process that may die.

    Use it as a context, so that no process is left behind.

    Args:
        problem: What is searched.
        silence_seconds: Time without a word, not even an epoch, after which a candidate is stopped.
        plugins: Files the processes run first; None takes those this process has run.
    """

    def __init__(
        self, problem: Problem, *, silence_seconds: float, plugins: Sequence[Path] | None = None
    ) -> None:
        self._bench = Bench(
            space=problem.space,
            data=problem.data,
            budget=problem.budget,
            device=problem.device,
            recipe=problem.recipe,
            config=problem.config,
            settings=problem.meter.settings,
        )
        self._plugins = loaded_plugins() if plugins is None else plugins
        self._silence_seconds = silence_seconds
        self._process: BaseProcess | None = None
        self._connection: Connection | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stop()

    def __call__(
        self,
        architecture: Architecture,
        peers: Sequence[Peer],
        on_epoch: Callable[[EpochRecord], None],
    ) -> Outcome:
        """Return what became of a candidate; a process that did not answer is its cause of failure.

        Raises:
            IsolationError: If no process can be started, which is no candidate's fault.
        """
        process, connection = self._started()
        known = Outcome()
        began = time.perf_counter()
        try:
            connection.send(Task(architecture.to_json(), list(peers)))
            while True:
                if not wait([connection, process.sentinel], timeout=self._silence_seconds):
                    self._stop()
                    cause = f"no sign of life for {self._silence_seconds:g} s"
                    # A second wait of that length would cost more than the candidate is worth.
                    return _failed(known, began, cause, may_pass=False)
                # What the process said before it ended is still in the pipe.
                if not connection.poll():
                    return _failed(known, began, self._obituary())
                message = connection.recv()
                if isinstance(message, Outcome):
                    if message.state == FAILED and self._bench.device != "cpu":
                        self._stop()
                    return message
                known.history.append(message)
                on_epoch(message)
        except (EOFError, OSError):
            return _failed(known, began, self._obituary())
        except BaseException:
            self._stop()
            raise

    def _started(self) -> tuple[BaseProcess, Connection]:
        if self._process is None or self._connection is None or not self._process.is_alive():
            self._stop()
            try:
                self._process, self._connection = self._start()
            except OSError as error:
                raise IsolationError(
                    f"cannot start a process for candidates: {error.strerror or error}; free memory, "
                    f"processes or space in {tempfile.gettempdir()}, or give --no-isolate"
                ) from error
        return self._process, self._connection

    def _start(self) -> tuple[BaseProcess, Connection]:
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload([__name__])
        connection, theirs = context.Pipe()
        process = context.Process(
            target=serve,
            args=(theirs, self._plugins, torch.get_num_threads()),
            name="millinet-candidate",
            daemon=True,
        )
        try:
            process.start()
            _hand_over(connection, self._bench)
        except BaseException:
            connection.close()
            raise
        finally:
            theirs.close()
        return process, connection

    def _obituary(self) -> str:
        """Say how the process ended."""
        process = self._process
        if process is not None:
            process.join(_SECONDS_TO_DIE)
        code = None if process is None else process.exitcode
        self._stop()
        if code is None:
            return "its process stopped answering"
        return described(code)

    def _stop(self) -> None:
        process, connection = self._process, self._connection
        self._process = self._connection = None
        if connection is not None:
            connection.close()
        if process is not None:
            process.kill()
            process.join()
            process.close()


def described(code: int) -> str:
    """Name the end of a process by its exit code, negative for the signal that ended it."""
    if code >= 0:
        return f"its process ended with exit code {code}"
    number = -code
    try:
        name = signal.Signals(number).name
    except ValueError:
        name = f"signal {number}"
    likely = _LIKELY.get(number)  # type: ignore[call-overload]
    return f"its process was killed by {name}" + (f", {likely}" if likely else "")


def serve(connection: Connection, plugins: Sequence[Path], num_threads: int) -> None:
    """Judge every candidate that comes through the connection, until it is closed.

    Args:
        connection: Gives the bench first, then one task after the other.
        plugins: Files to run before that, so that what they define can be received.
        num_threads: Intra-op threads of torch, as in the process that asks.
    """
    # Ctrl-C reaches the whole process group; the worker decides what becomes of its candidate.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _end_with_parent()
    _go_first()
    torch.set_num_threads(num_threads)
    for plugin in plugins:
        load_plugin(plugin)
    bench: Bench = connection.recv()
    with LatencyMeter(bench.device, bench.settings) as meter:
        problem = Problem(
            space=bench.space,
            data=bench.data,
            budget=bench.budget.resolve(torch.zeros(1, *bench.data.input_shape), meter=meter),
            meter=meter,
            device=bench.device,
            recipe=bench.recipe,
            config=bench.config,
        )
        while True:
            try:
                task = connection.recv()
            except EOFError:
                return
            connection.send(_judged(task, problem, connection.send))


def _hand_over(connection: Connection, bench: Bench) -> None:
    """Send the bench, its images through shared memory where there is room for them."""
    splits = (bench.data.train, bench.data.validation, bench.data.test)
    images = [split.images for split in splits if isinstance(split.images, torch.Tensor)]
    sizes: list[int] = [held.nbytes for held in images if not held.is_shared()]  # type: ignore[no-untyped-call]
    if sum(sizes) < _shared_memory_bytes():
        connection.send(bench)
    else:
        # In a container it is often 64 MiB; writing past its end is a bus error, and no exception.
        connection.send_bytes(pickle.dumps(bench))


def _shared_memory_bytes() -> float:
    return 0.9 * shutil.disk_usage(_SHARED_MEMORY).free if _SHARED_MEMORY.is_dir() else inf


def _judged(task: Task, problem: Problem, send: Callable[[Any], None]) -> Outcome:
    try:
        architecture = Architecture.from_json(task.architecture)
        return try_candidate(architecture, problem, seed=problem.config.seed, peers=task.peers, on_epoch=send)
    except (SystemExit, Exception) as error:  # noqa: BLE001 -- a candidate may try to end its process
        return Outcome(state=FAILED, cause=cause_of(error))


def _end_with_parent() -> None:
    """End this process as soon as the worker has ended, however that was."""
    parent = multiprocessing.parent_process()
    if parent is None:
        return

    def watch(sentinel: int = parent.sentinel) -> None:
        wait([sentinel])
        sys.stderr.flush()
        signal.raise_signal(signal.SIGKILL)

    threading.Thread(target=watch, name="watch the worker", daemon=True).start()


def _go_first() -> None:
    """Let the system take this process, and no other, where memory runs out."""
    with suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("1000", encoding="ascii")


def _failed(known: Outcome, began: float, cause: str, *, may_pass: bool = True) -> Outcome:
    known.state, known.cause, known.may_pass = FAILED, cause, may_pass
    known.train_seconds = time.perf_counter() - began
    return known
