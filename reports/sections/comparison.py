"""Winners against the baseline, and pruned networks against themselves."""

from collections.abc import Mapping
from typing import Any, Final

import pandas as pd
from markupsafe import Markup

from reports import numbers
from reports.content import Content
from reports.drawing import Figure, Markers, Scale, Segments, inline_svg

TONES: Final = {"better": "good", "faster": "good", "worse": "bad", "slower": "bad", "no difference": "plain"}


def comparison_section(content: Content) -> Mapping[str, Any] | None:
    """Draw every difference with its interval on a common scale."""
    frame = content.frames["comparison"]
    if not len(frame):
        return None
    accuracy = _reach(frame, ["accuracy_difference", "accuracy_low", "accuracy_high"], 0.0)
    latency = _reach(frame, ["latency_ratio", "latency_low", "latency_high"], 1.0)
    return {"rows": [_row(row, accuracy, latency) for _, row in frame.iterrows()]}


def _reach(frame: pd.DataFrame, columns: list[str], neutral: float) -> float:
    """Return how far the scale goes to both sides of `neutral`."""
    away = (frame[columns] - neutral).abs().max().max()
    return float(away) if pd.notna(away) and away > 0 else 1.0


def _row(row: "pd.Series[Any]", accuracy: float, latency: float) -> dict[str, Any]:
    ratio = row["latency_ratio"]
    return {
        "run": row["run"],
        "candidate": row["candidate"],
        "baseline": row["baseline"],
        "accuracy": numbers.points(row["accuracy_difference"]),
        "accuracy_range": _range(
            row["accuracy_low"], row["accuracy_high"], lambda value: f"{100 * value:+.1f}"
        ),
        "accuracy_plot": _forest(
            row, ("accuracy_difference", "accuracy_low", "accuracy_high"), 0.0, accuracy
        ),
        "accuracy_says": _known(row["accuracy_says"]),
        "accuracy_tone": TONES.get(row["accuracy_says"], "plain"),
        "is_paired": bool(pd.notna(row["accuracy_paired"]) and row["accuracy_paired"]),
        "latency": "-" if pd.isna(ratio) else f"{numbers.significant(ratio)} x",
        "latency_range": _range(row["latency_low"], row["latency_high"], numbers.significant),
        "latency_plot": _forest(row, ("latency_ratio", "latency_low", "latency_high"), 1.0, latency),
        "latency_says": _known(row["latency_says"]),
        "latency_tone": TONES.get(row["latency_says"], "plain"),
        "note": _known(row["note"]),
    }


def _known(text: Any) -> str:
    return "" if numbers.is_missing(text) else str(text)


def _range(low: Any, high: Any, write: Any) -> str:
    return "" if pd.isna(low) or pd.isna(high) else f"{write(low)} to {write(high)}"


def _forest(row: "pd.Series[Any]", columns: tuple[str, str, str], neutral: float, reach: float) -> Markup:
    estimate, low, high = (row[column] for column in columns)
    if pd.isna(estimate):
        return Markup("")
    figure = Figure(130, 22, f"{estimate:.3g}, from {low:.3g} to {high:.3g}")
    x = Scale(neutral - reach * 1.08, neutral + reach * 1.08, 0, 130)
    figure.add(Segments([(x(neutral), 1, x(neutral), 21)], "faint"))
    if pd.notna(low) and pd.notna(high):
        figure.add(Segments([(x(low), 11, x(high), 11)], "ink", 2))
    figure.add(Markers([(x(estimate), 11)], "ink", "diamond", 4))
    return Markup(inline_svg(figure, css_class="forest"))
