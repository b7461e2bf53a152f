"""Keep a report current while its runs go on."""

import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Final

from reports.load import load_runs

SECONDS_BETWEEN_LOOKS: Final = 2.0

Snapshot = frozenset[tuple[str, int, int]]


def watch(
    runs: Sequence[Path],
    rebuild: Callable[[], object],
    *,
    pause: Callable[[], None] = lambda: time.sleep(SECONDS_BETWEEN_LOOKS),
) -> int:
    """Call `rebuild` whenever a run folder has changed, until no run is going any more.

    Args:
        runs: The run folders.
        rebuild: What makes the report.
        pause: What passes the time between two looks.

    Returns:
        How many times the report was made.

    Raises:
        RunFolderError: If a path is no run folder.
    """
    seen: Snapshot | None = None
    times = 0
    while True:
        # Looked at before the rebuild: a change that comes during it is then seen at the next look.
        now = snapshot(runs)
        if now != seen:
            seen = now
            rebuild()
            times += 1
        if not any(run.record.status == "running" for run in load_runs(runs)):
            return times
        pause()


def snapshot(runs: Sequence[Path]) -> Snapshot:
    """Return name, time and size of every file that a report reads."""
    return frozenset(entry for run in runs for entry in _entries(run))


def _entries(run: Path) -> Iterator[tuple[str, int, int]]:
    for pattern in ("run.json", "*.csv", "winners/**/*.json", "winners/**/*.csv"):
        for path in run.glob(pattern):
            try:
                state = path.stat()
            except OSError:
                continue  # replaced between the listing and the look; the next look sees what came of it
            yield str(path), state.st_mtime_ns, state.st_size
