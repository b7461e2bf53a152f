"""A candidate as the cells of a table, written for people."""

from typing import Any, Final

import pandas as pd

from reports import numbers

TONES: Final = {"meets": "good", "fails": "bad", "undecided": "unsure"}


def cells(row: "pd.Series[Any]") -> dict[str, str]:
    """Write the fields of a row of the `CANDIDATES` frame."""
    texts = {
        key: "" if numbers.is_missing(row[key]) else str(row[key])
        for key in (
            "run",
            "candidate",
            "architecture",
            "verdict",
            "state",
            "cause",
            "device",
            "dtype",
            "batch",
        )
    }
    return texts | {
        "accuracy": numbers.percent(row["accuracy"]),
        "accuracy_range": numbers.percent_between(row["accuracy_low"], row["accuracy_high"]),
        "latency": numbers.milliseconds(row["latency_ms"]),
        "latency_range": numbers.milliseconds_between(row["latency_low_ms"], row["latency_high_ms"]),
        "p95": numbers.milliseconds(row["latency_p95_ms"]),
        "budget": numbers.budget(row["budget"], row["budget_ms"]),
        "parameters": numbers.count(row["parameters"]),
        "macs": numbers.count(row["macs"]),
        "tone": TONES.get(texts["verdict"], "plain"),
    }
