"""What every section of the page draws on."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import pandas as pd

from reports.load import Run

MAX_ROWS: Final = 4_000
"""Candidates the page holds; more make it slow to open. The frames hold all."""


@dataclass(frozen=True, slots=True)
class Content:
    """The runs, the frames made of them, and the candidates the page shows."""

    runs: Sequence[Run]
    frames: Mapping[str, pd.DataFrame]
    rows: pd.DataFrame
    """The first `MAX_ROWS` candidates, best first; a point of a plot names its row by the index."""

    @property
    def names(self) -> list[str]:
        """Names of the runs, in the order given."""
        return [run.name for run in self.runs]


def gather(runs: Sequence[Run], frames: Mapping[str, pd.DataFrame]) -> Content:
    """Choose the candidates the page shows: winners, then fronts, then by accuracy, then by latency."""
    candidates = frames["candidates"]
    kinds = candidates["kind"].map({"winner": 0, "before": 1, "profile": 1, "trial": 2})
    order = pd.DataFrame(
        {
            "kind": kinds,
            "front": ~candidates["is_front"].fillna(value=False).astype(bool),
            "accuracy": -candidates["accuracy"],
            "latency": candidates["latency_ms"],
        }
    )
    # Stable, so that the same folder gives the same bytes.
    places = order.sort_values(["kind", "front", "accuracy", "latency"], kind="stable").index[:MAX_ROWS]
    return Content(runs, frames, candidates.loc[places].reset_index(drop=True))
