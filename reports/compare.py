"""From run folders to frames: what every page, picture and table of a report is made of."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from millinet.frames import HISTORY, LAYERS
from reports.candidates import candidates, name_of
from reports.choices import choices
from reports.comparison import comparison
from reports.load import Run, load_runs
from reports.progress import search_progress


def compare(runs: Sequence[Path], *, baseline: str | None = None) -> dict[str, pd.DataFrame]:
    """Read run folders and join them into frames.

    Args:
        runs: Run folders, in the order the report shows them.
        baseline: The run, or `RUN/RANK`, that winners are compared with; by default the first winner.

    Returns:
        `candidates`, `comparison`, `search`, `choices`, `layers` and `history`; columns, dtypes and units are
        in `millinet.frames`, and `layers` and `history` have the run's name in front.

    Raises:
        RunFolderError: If a path is no run folder.
        UnknownNameError: If `baseline` names no run.
    """
    return frames_of(load_runs(runs), baseline=baseline)


def frames_of(runs: Sequence[Run], *, baseline: str | None = None) -> dict[str, pd.DataFrame]:
    """Join runs already read into frames; see `compare`."""
    tried = candidates(runs)
    return {
        "candidates": tried,
        "comparison": comparison(runs, tried, baseline=baseline),
        "search": search_progress(runs),
        "choices": choices(runs),
        "layers": layers(runs),
        "history": history(runs),
    }


def layers(runs: Sequence[Run]) -> pd.DataFrame:
    """Gather the layers of every winner, before and after pruning; `run` and `candidate` in front."""
    parts = [
        entry.layers.assign(run=run.name, candidate=name_of(entry))
        for run in runs
        for entry in run.winners
        if len(entry.layers)
    ]
    return _joined(parts, LAYERS.frame(), ["run", "candidate"])


def history(runs: Sequence[Run]) -> pd.DataFrame:
    """Gather the epochs of every training; `run` in front."""
    parts = [run.history.assign(run=run.name) for run in runs if len(run.history)]
    return _joined(parts, HISTORY.frame(), ["run"])


def _joined(parts: list[pd.DataFrame], empty: pd.DataFrame, keys: list[str]) -> pd.DataFrame:
    nothing = empty.assign(**{key: pd.Series(dtype="str") for key in keys})
    frame = pd.concat(parts, ignore_index=True) if parts else nothing
    return frame[[*keys, *(column for column in frame.columns if column not in keys)]]
