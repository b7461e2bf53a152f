"""Options that several commands of a search take, each worded once."""

from typing import Annotated, Final

import typer

from nas.conditions import Conditions

TRIAL_TIMEOUT: Final = Conditions().silence_seconds
"""Default of `TrialTimeout`, in seconds."""

Isolate = Annotated[
    bool, typer.Option(help="Work on candidates in a process that may hang or crash without harm.")
]
Minutes = Annotated[
    float | None,
    typer.Option(help="Begin no trial after so many minutes; finish the winners of what there is."),
]
TrialTimeout = Annotated[
    float, typer.Option(help="Seconds without an epoch after which a candidate is stopped.")
]
