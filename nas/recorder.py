"""Write the frames of a run from its study, whichever workers the trials came from."""

import optuna
import pandas as pd
from optuna.trial import FrozenTrial

from millinet.frames import HISTORY, LATENCY, TRIALS, FrameSchema
from millinet.runs import RunFolder
from nas.display import Display
from nas.ledger import row_as_text, trials_frame
from nas.records import EPOCHS, MEASURED, ROW
from nas.storage import finished

_SHARE_BEFORE_WRITING = 0.02
"""Share of unwritten trials that is written: writing takes time by the number of trials, so many wait for
more."""


class Recorder:
    """Brings the frames up to date with the study; the study itself is always whole.

    Args:
        run: Where the frames are.
        study: Where the trials are.
        display: What is told of each trial that came in.
    """

    def __init__(self, run: RunFolder, study: optuna.Study, display: Display) -> None:
        self._run, self._study, self._display = run, study, display
        self._shown = {trial.number for trial in finished(study)}
        self._num_written = -1

    def __call__(self) -> None:
        """Show what came in, and write where it is due."""
        trials = finished(self._study)
        arrived = sorted(
            (trial for trial in trials if trial.number not in self._shown),
            key=lambda trial: str(trial.datetime_complete),
        )
        for trial in arrived:
            self._shown.add(trial.number)
            self._display.end(row_as_text(trial.user_attrs[ROW]), num_finished=len(self._shown))
        if (
            len(trials) - max(self._num_written, 0) > _SHARE_BEFORE_WRITING * len(trials)
            or self._num_written < 0
        ):
            self.write()

    def write(self) -> None:
        """Write the frames and the time spent."""
        trials = finished(self._study)
        if len(trials) == self._num_written:
            return
        self._run.write(TRIALS, trials_frame(self._study))
        self._replace(
            LATENCY, [trial.user_attrs[MEASURED] for trial in trials if MEASURED in trial.user_attrs]
        )
        self._replace(HISTORY, [row for trial in trials for row in trial.user_attrs.get(EPOCHS, [])])
        spent = {"measuring": _seconds(trials, "measure"), "training": _seconds(trials, "train")}
        self._run.save(phases=self._run.record.phases | spent)
        self._num_written = len(trials)

    def _replace(self, schema: FrameSchema, rows: list[dict[str, object]]) -> None:
        """Replace the rows of trials, and keep those of probes before and of winners after them."""
        present = self._run.frame(schema)
        kinds = present["model"].str.replace(":.*", "", regex=True)
        # A worker of a later commit may have written columns that this one does not know.
        known = [
            {name: value for name, value in row_as_text(row).items() if name in schema.columns}
            for row in rows
        ]
        before, after = present[kinds == "probe"], present[~kinds.isin(["probe", "trial"])]
        parts = [part for part in (before, schema.frame(known), after) if len(part)]
        if parts:
            self._run.write(schema, pd.concat(parts, ignore_index=True))


def _seconds(trials: list[FrozenTrial], phase: str) -> float:
    return round(sum(trial.user_attrs[ROW].get(f"{phase}_seconds") or 0.0 for trial in trials), 3)
