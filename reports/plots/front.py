"""Accuracy against latency: candidates, intervals, the Pareto front, the budget, and what pruning moved."""

from typing import Final, NamedTuple

import pandas as pd

from reports import numbers
from reports.drawing import Axis, Figure, Line, Markers, Scale, Segments, Text, draw_axes
from reports.drawing.palette import series_look
from reports.plots.canvas import Canvas
from reports.plots.legend import Key, marker_key

_LETTER: Final = 7.0
"""Width of a bold letter of a label, on average, in pixels."""
_LABEL_ROW: Final = 14.0
"""By how much a label stands higher where another one is in its way, in pixels."""


class _Place(NamedTuple):
    x: Scale
    y: Scale

    def __call__(self, latency_ms: float, accuracy: float) -> tuple[float, float]:
        # What lies outside is drawn at the edge: an untrained outlier must not flatten everything else.
        x = min(max(self.x(latency_ms), self.x.start), self.x.stop)
        return x, min(max(self.y(accuracy), self.y.stop), self.y.start)


def front_plot(candidates: pd.DataFrame, canvas: Canvas, *, runs: list[str]) -> Figure:
    """Draw the candidates of one device, dtype and batch.

    Args:
        candidates: Rows of the `CANDIDATES` frame; the index is what the page shows on hover.
        canvas: The size to draw for.
        runs: Names of all runs of the report, which decide tone and shape.
    """
    figure = Figure(canvas.width, canvas.height, "Accuracy against latency, with 95% intervals")
    known = candidates.dropna(subset=["latency_ms"])
    rated = known.dropna(subset=["accuracy"])
    place = _place(known, rated, canvas)
    x = Axis(place.x, "latency, ms" + (" (log)" if place.x.is_log else ""), num_ticks=canvas.num_ticks)
    draw_axes(figure, x, Axis(place.y, "accuracy", "{:.3g}%", num_ticks=5))
    _add_unrated(figure, known[known["accuracy"].isna()], place)
    for name in (name for name in runs if (known["run"] == name).any()):
        _add_run(figure, rated[rated["run"] == name], place, runs.index(name))
    _add_budgets(figure, known, place)
    return figure


def front_legend(candidates: pd.DataFrame, *, runs: list[str]) -> list[Key]:
    """Return name and key of every run that `front_plot` draws, and of what stands for no run."""
    present = set(candidates["run"])
    keys: list[Key] = [
        (name, marker_key(*series_look(number))) for number, name in enumerate(runs) if name in present
    ]
    if (candidates["kind"] == "before").any():
        keys.append(("before pruning", marker_key("muted", "circle", is_hollow=True)))
    return keys


def _place(known: pd.DataFrame, rated: pd.DataFrame, canvas: Canvas) -> _Place:
    basis = rated if len(rated) else known
    limits = basis["budget_ms"].dropna()
    fast = min([*basis["latency_ms"], *limits], default=1.0)
    slow = max([*basis["latency_ms"], *limits], default=2.0)
    margin = (slow / fast) ** 0.06 if slow > fast else 1.1
    x = Scale(fast / margin, slow * margin, canvas.left, canvas.right, is_log=slow / fast > 3)
    low, high = _accuracy_range(rated)
    room = max(high - low, 1.0) * 0.06
    y = Scale(max(low - room, 0.0), min(high + room, 100.5), canvas.bottom, canvas.top)
    return _Place(x, y)


def _accuracy_range(rated: pd.DataFrame) -> tuple[float, float]:
    """Return the percentages the axis spans: all that is notable, and as much again for the rest."""
    if not len(rated):
        return 0.0, 100.0
    notable = rated[rated["is_front"].fillna(value=False).astype(bool) | (rated["kind"] != "trial")]
    lows = notable["accuracy_low"].fillna(notable["accuracy"])
    highs = notable["accuracy_high"].fillna(notable["accuracy"])
    high = max([float(rated["accuracy"].max()), *highs])
    # What never learned is drawn at the edge: an axis down to it would press everything else into a line.
    low = max(float(rated["accuracy"].min()), high - 2 * (high - min(lows)))
    return 100 * min(low, min(lows)), 100 * high


def _add_unrated(figure: Figure, unrated: pd.DataFrame, place: _Place) -> None:
    """Show what was measured but never trained as ticks on the latency axis."""
    floor = place.y.start
    inside = unrated[unrated["latency_ms"].between(place.x.low, place.x.high)]
    ends = [(place.x(ms), floor - 9, place.x(ms), floor - 1) for ms in inside["latency_ms"]]
    if ends:
        figure.add(Segments(ends, "muted", 1.0, 0.55))


def _add_run(figure: Figure, rated: pd.DataFrame, place: _Place, number: int) -> None:
    look = tone, _ = series_look(number)
    trials = rated[rated["kind"] == "trial"]
    finished = rated[rated["kind"] != "trial"]
    is_front = trials["is_front"].fillna(value=False).astype(bool)
    front, others = trials[is_front].sort_values("latency_ms"), trials[~is_front]
    _add_intervals(figure, front, place, tone)
    figure.add(_markers(others, place, look, size=3.0)._replace(opacity=0.45))
    if len(front) > 1:
        figure.add(Line(_steps(front, place), tone, 1.5, opacity=0.8))
    figure.add(_markers(front, place, look, size=4.5))
    _add_finished(figure, finished, place, look)


def _add_finished(figure: Figure, finished: pd.DataFrame, place: _Place, look: tuple[str, str]) -> None:
    tone, _ = look
    _add_intervals(figure, finished, place, tone, width=1.8)
    after = finished[finished["kind"] == "winner"].set_index("rank")
    for _, before in finished[finished["kind"] == "before"].iterrows():
        if before["rank"] in after.index:
            kept = after.loc[before["rank"]]
            start = place(before["latency_ms"], 100 * before["accuracy"])
            figure.add(Line([start, place(kept["latency_ms"], 100 * kept["accuracy"])], tone, 1.5, 4))
    unpruned = finished[finished["kind"] == "before"]
    figure.add(_markers(unpruned, place, look, size=6)._replace(is_hollow=True))
    winners = finished[finished["kind"] != "before"]
    figure.add(_markers(winners, place, look, size=7.5))
    for _, row in winners[winners["kind"] == "winner"].iterrows():
        x, y = place(row["latency_ms"], 100 * row["accuracy"])
        figure.add(Text(x, y + 4, str(row["rank"]), "paper", 11, "middle", is_bold=True))


def _markers(rows: pd.DataFrame, place: _Place, look: tuple[str, str], *, size: float) -> Markers:
    tone, shape = look
    pairs = zip(rows["latency_ms"], rows["accuracy"], strict=True)
    points = [place(latency_ms, 100 * accuracy) for latency_ms, accuracy in pairs]
    return Markers(points, tone, shape, size, list(rows.index))


def _add_intervals(figure: Figure, rows: pd.DataFrame, place: _Place, tone: str, width: float = 1.0) -> None:
    columns = ["latency_ms", "latency_low_ms", "latency_high_ms", "accuracy", "accuracy_low", "accuracy_high"]
    ends = []
    for ms, low_ms, high_ms, accuracy, low, high in rows[columns].to_numpy(dtype=float):
        if low_ms <= high_ms:  # false where either is missing
            ends.append(place(low_ms, 100 * accuracy) + place(high_ms, 100 * accuracy))
        if low <= high:
            ends.append(place(ms, 100 * low) + place(ms, 100 * high))
    if ends:
        figure.add(Segments(ends, tone, width, 0.55))


def _steps(front: pd.DataFrame, place: _Place) -> list[tuple[float, float]]:
    """Return the staircase of what can be had: no accuracy is promised between two measured points."""
    corners: list[tuple[float, float]] = []
    for latency_ms, accuracy in zip(front["latency_ms"], front["accuracy"], strict=True):
        x, y = place(latency_ms, 100 * accuracy)
        if corners:
            corners.append((x, corners[-1][1]))
        corners.append((x, y))
    return corners


def _add_budgets(figure: Figure, known: pd.DataFrame, place: _Place) -> None:
    limits = known.dropna(subset=["budget_ms"]).drop_duplicates("budget_ms").sort_values("budget_ms")
    rows: list[float] = []
    for text, limit_ms in zip(limits["budget"], limits["budget_ms"], strict=True):
        x, label = place.x(limit_ms), f"budget {numbers.budget(text, limit_ms)}"
        near_edge = x > place.x.stop - 140
        side, shift = ("end", -6) if near_edge else ("start", 6)
        left = x + shift - _LETTER * len(label) * near_edge
        row = next((row for row, end in enumerate(rows) if end < left), len(rows))
        rows[row : row + 1] = [left + _LETTER * len(label)]
        y = place.y.stop - 6 - _LABEL_ROW * row
        figure.add(Line([(x, place.y.start), (x, y - 8)], "ink", 1.5, 6))
        figure.add(Text(x + shift, y, label, "ink", 12, side, is_bold=True))
