"""Join a running search, from this machine or another."""

import os
import signal
import sys
import threading
from pathlib import Path
from types import FrameType
from typing import Annotated

import typer

from millinet.console import Console
from millinet.errors import ConfigError
from millinet.options import Plugins
from millinet.tables import load_plugin
from nas.address import VARIABLE, keep_to_itself
from nas.conditions import Conditions
from nas.display import ConsoleDisplay
from nas.joining import joined
from nas.options import TRIAL_TIMEOUT, Isolate, TrialTimeout
from nas.proposal import SpaceExhaustedError
from nas.storage import STUDY_NAME, finished
from nas.trials import search_trials


def worker(  # noqa: PLR0913 -- a flag is a parameter
    *,
    storage: Annotated[
        str | None,
        typer.Option(
            envvar=VARIABLE,
            show_envvar=False,
            help=f"postgresql+psycopg://USER@HOST/DATABASE, or a study.db; else from ${VARIABLE}.",
        ),
    ] = None,
    study: Annotated[
        str, typer.Option(help="Name of the study, as the search's run.json has it.")
    ] = STUDY_NAME,
    data: Annotated[
        str | None, typer.Option(help="Where the same data are on this machine; by default as the search.")
    ] = None,
    device: Annotated[
        str | None, typer.Option(help="cpu, cuda or cuda:N; of the kind the search measures on.")
    ] = None,
    minutes: Annotated[
        float | None, typer.Option(help="Begin no trial after so many minutes, and leave.")
    ] = None,
    isolate: Isolate = True,
    trial_timeout: TrialTimeout = TRIAL_TIMEOUT,
    plugin: Plugins = None,
    trust_study: Annotated[
        bool, typer.Option("--trust-study", help="Run code that the study names: a data factory, a sampler.")
    ] = False,
    leave_with_input: Annotated[
        bool, typer.Option("--leave-with-input", hidden=True, help="Leave when standard input ends.")
    ] = False,
) -> int:
    """Join a running search, and work on its trials until it has all of them.

    Space, data, recipe and budget come from the search. This installation, the data and the device must be
    the same, or the worker says what differs and leaves. It may be stopped or killed at any time: the trial
    in hand goes to another.
    """
    if not storage:
        raise ConfigError(f"a worker needs --storage or ${VARIABLE}; run.json of the search has the address")
    keep_to_itself(storage)
    for file in plugin or []:
        load_plugin(file)
    signal.signal(signal.SIGTERM, _leave)
    if leave_with_input:
        threading.Thread(target=watch_input, name="watch the input", daemon=True).start()
    console = Console(sys.stdout)
    conditions = Conditions(
        is_isolated=isolate,
        silence_seconds=trial_timeout,
        max_seconds=None if minutes is None else 60.0 * minutes,
    )
    place = storage if "://" in storage else Path(storage)
    opening = joined(place, study, data=data, device=device, conditions=conditions, is_trusted=trust_study)
    with opening as (problem, opened, notes):
        for note in notes:
            console.print(f"note: {note}")
        total = problem.config.num_trials
        console.print(f"joined {study!r}: {len(finished(opened))} of {total} trials are finished")
        try:
            search_trials(problem, opened, ConsoleDisplay(console), conditions=conditions)
        except KeyboardInterrupt:
            console.print("stopped; what was in hand is left to the other workers")
            raise
        except SpaceExhaustedError as error:
            console.print(f"nothing is left to do: {error}")
        else:
            count = len(finished(opened))
            console.print(
                f"all {total} trials are finished"
                if count >= total
                else f"the time is up; {count} of {total} trials are finished"
            )
    return 0


def watch_input() -> None:
    """Leave as on SIGTERM once whoever started this worker has ended, however that was."""
    while os.read(sys.stdin.fileno(), 4096):
        pass
    os.kill(os.getpid(), signal.SIGTERM)


def _leave(_: int, __: FrameType | None) -> None:
    raise KeyboardInterrupt
