"""What a search tells while it goes on: a live table on a terminal, plain lines elsewhere, or nothing."""

import time
from collections.abc import Sequence
from typing import Any, Protocol

import pandas as pd
from rich.console import Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from millinet.certificate import Certificate
from millinet.console import Console
from millinet.frames import TRIALS
from millinet.provenance import as_shell
from millinet.runs import RunFolder, Winner
from millinet.statistics import pareto_front
from millinet.training import EpochRecord
from nas.problem import Problem
from search_spaces import Architecture

_ROWS_SHOWN = 16


class Display(Protocol):
    """Told of each step of a search, in this order."""

    def open(self, run: RunFolder, problem: Problem, *, num_finished: int) -> None:
        """Say what is searched, and what was already done."""

    def begin(self, number: int, architecture: Architecture) -> None:
        """Say that a trial begins."""

    def epoch(self, number: int, record: EpochRecord) -> None:
        """Say that a trial ended an epoch."""

    def end(self, row: dict[str, Any], *, num_finished: int) -> None:
        """Say what became of a trial."""

    def phase(self, text: str) -> None:
        """Say what begins after the trials."""

    def finished(self, certificate: Certificate) -> None:
        """Say what a finished network was certified to be."""

    def close(self, run: RunFolder, trials: pd.DataFrame, winners: list[Winner]) -> None:
        """Say what was found."""


class Silent:
    """Tells nothing."""

    def open(self, run: RunFolder, problem: Problem, *, num_finished: int) -> None:
        """Say nothing."""

    def begin(self, number: int, architecture: Architecture) -> None:
        """Say nothing."""

    def epoch(self, number: int, record: EpochRecord) -> None:
        """Say nothing."""

    def end(self, row: dict[str, Any], *, num_finished: int) -> None:
        """Say nothing."""

    def phase(self, text: str) -> None:
        """Say nothing."""

    def finished(self, certificate: Certificate) -> None:
        """Say nothing."""

    def close(self, run: RunFolder, trials: pd.DataFrame, winners: list[Winner]) -> None:
        """Say nothing."""


class ConsoleDisplay:
    """Tells a person: a live table on a terminal, one plain line a trial elsewhere."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._live: Live | None = None
        self._rows: list[dict[str, Any]] = []
        self._progress = ""
        self._total = 0
        self._finished_before = 0
        self._started = 0.0
        self._best: float | None = None

    def open(self, run: RunFolder, problem: Problem, *, num_finished: int) -> None:
        """Print the opening line, then start the table."""
        self._total = problem.config.num_trials
        self._finished_before = num_finished
        self._progress = f"{num_finished} of {self._total} trials"
        for row in _rows_of(run.frame(TRIALS)):
            self._add(row)
        self._started = time.monotonic()
        line = opening_line(run, problem, num_finished=num_finished)
        for text in (line, *problem.data.notes, *skipped_lines(problem.data.skipped)):
            self._console.print(text)
        if self._console.is_terminal:
            # Drawn when there is news and by no thread of its own, which would disturb what is being timed.
            self._live = Live(
                console=self._console, auto_refresh=False, transient=True, redirect_stdout=False
            )
            self._live.start()

    def begin(self, number: int, architecture: Architecture) -> None:
        """Show the trial as the one in hand."""
        self._show(f"trial {number}: measuring {' '.join(architecture.blocks)}")

    def epoch(self, number: int, record: EpochRecord) -> None:
        """Show how the trial in hand goes."""
        self._show(
            f"trial {number}: epoch {record.epoch}, loss {record.train_loss:.3f}, "
            f"accuracy {record.accuracy:.3f}, {record.images_per_second:,.0f} images/s"
        )

    def end(self, row: dict[str, Any], *, num_finished: int) -> None:
        """Add the trial to the table, or print its line."""
        self._add(row)
        done = num_finished - self._finished_before
        seconds = (time.monotonic() - self._started) / done * (self._total - num_finished)
        self._progress = (
            f"{num_finished} of {self._total} trials, about {duration(seconds)} of searching left"
        )
        if self._live is None:
            self._console.print(plain_line(self._rows[-1]))
        self._show("")

    def phase(self, text: str) -> None:
        """Show or print what begins."""
        if self._live is None:
            self._console.print(text)
        self._show(text)

    def finished(self, certificate: Certificate) -> None:
        """Print what was certified."""
        line = f"certified trial {certificate.trial}: {certificate.sentence()}"
        self._console.print(line)

    def close(self, run: RunFolder, trials: pd.DataFrame, winners: list[Winner]) -> None:
        """Leave the table on the screen, with the front and the command to resume."""
        self.stop()
        if self._console.is_terminal and self._rows:
            self._console.print(trials_table(self._rows), soft_wrap=False)
        for line in closing_lines(run, trials, winners):
            self._console.print(line)

    def stop(self) -> None:
        """Give the terminal back."""
        if self._live is not None:
            self._live.stop()
            self._live = None

    def _add(self, row: dict[str, Any]) -> None:
        is_best = row["state"] == "complete" and (self._best is None or row["accuracy"] > self._best)
        if is_best:
            self._best = row["accuracy"]
        self._rows.append(row | {"is_best": is_best})

    def _show(self, status: str) -> None:
        if self._live is not None:
            table = trials_table(self._rows[-_ROWS_SHOWN:])
            self._live.update(Group(table, Text(self._progress), Text(status)), refresh=True)


def _rows_of(trials: pd.DataFrame) -> list[dict[str, Any]]:
    records = trials.to_dict(orient="records")
    return [{str(key): None if pd.isna(value) else value for key, value in row.items()} for row in records]


def opening_line(run: RunFolder, problem: Problem, *, num_finished: int) -> str:
    """Say in one line what is searched, on what, inside which budget."""
    device, data, config = run.record.device, problem.data, problem.config
    facts = [problem.device]
    if device["kind"] == "cpu":
        facts.append(f"{problem.meter.settings.threads} thread for latency")
    if device.get("clock_mhz"):
        facts.append(f"{device['clock_mhz']:.0f} MHz")
    sizes = "/".join(f"{count:,}" for count in data.sizes().values())
    resumed = f", {num_finished} done already" if num_finished else ""
    return (
        f"{data.spec}: {sizes} images of {'x'.join(map(str, data.input_shape))} for train/validation/test, "
        f"{data.num_classes} classes; {device['name']} ({', '.join(facts)}); "
        f"budget {run.record.config['budget']} = {problem.limit_ms:.3g} ms; "
        f"space {problem.space.name}, {_count(problem.space.size)} networks; "
        f"{config.num_trials} trials by {config.sampler}, seed {config.seed}{resumed}"
    )


def skipped_lines(skipped: Sequence[str], *, shown: int = 5) -> list[str]:
    """Name the first images that could not be read; run.json lists them all."""
    if not skipped:
        return []
    more = f" and {len(skipped) - shown} more, listed in run.json" if len(skipped) > shown else ""
    return [f"skipped {len(skipped)} unreadable image(s): {'; '.join(skipped[:shown])}{more}"]


def _count(size: int) -> str:
    return f"{size:,}" if size < 10**9 else f"{size:.1e}"


def trials_table(rows: list[dict[str, Any]]) -> Table:
    """Lay the trials out as a table."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name, justify in (
        ("trial", "right"),
        ("blocks", "left"),
        ("parameters", "right"),
        ("latency ms [interval]", "right"),
        ("of budget", "right"),
        ("accuracy", "right"),
        ("verdict", "left"),
    ):
        table.add_column(name, justify=justify, overflow="fold")  # type: ignore[arg-type]
    for row in rows:
        style = "green" if row.get("is_best") else "dim" if row["state"] != "complete" else ""
        table.add_row(*(Text(cell) for cell in cells(row)), style=style)
    return table


def cells(row: dict[str, Any]) -> list[str]:
    """Write one trial as cells: trial, blocks, parameters, latency, share of budget, accuracy, verdict."""
    latency_ms = row.get("latency_ms")
    latency = share = "-"
    if latency_ms is not None:
        latency = f"{latency_ms:.3f} [{row['latency_low_ms']:.3f}, {row['latency_high_ms']:.3f}]"
        share = f"{latency_ms / row['budget_ms']:.0%}"
    accuracy = row.get("accuracy")
    return [
        str(row["trial"]),
        row["blocks"],
        "-" if row["parameters"] is None else f"{row['parameters']:,}",
        latency,
        share,
        "-" if accuracy is None else f"{accuracy:.4f}",
        verdict_words(row),
    ]


def verdict_words(row: dict[str, Any]) -> str:
    """Say what became of a trial."""
    state = row["state"]
    if state == "failed":
        return f"failed: {row['cause']}"
    if state == "complete":
        return "best" if row.get("is_best") else "meets"
    return {"over budget": "over budget, not trained", "undecided": "undecided, not trained"}.get(
        state, state
    )


def plain_line(row: dict[str, Any]) -> str:
    """Write one trial as one line of text."""
    trial, blocks, parameters, latency, share, accuracy, verdict = cells(row)
    return (
        f"trial {trial:>3}  {blocks:<32}  {parameters:>10} parameters  {latency:>24} ms  "
        f"{share:>5} of budget  accuracy {accuracy:>6}  {verdict}"
    )


def closing_lines(run: RunFolder, trials: pd.DataFrame, winners: list[Winner]) -> list[str]:
    """Say what was found: the front, the winners' folders, and how to go on."""
    lines = []
    trained = trials[trials["state"] == "complete"]
    points = list(zip(trained["latency_ms"], -trained["accuracy"], strict=True))
    front = trained.iloc[sorted(pareto_front(points))].sort_values("latency_ms")
    if len(front):
        lines.append("front of the search (latency, validation accuracy):")
    lines += [
        f"  trial {row.trial:>3}  {row.latency_ms:7.3f} ms  {row.accuracy:.4f}  {row.architecture}"
        for row in front.itertuples()
    ]
    lines += [f"winner {winner.rank}: {winner.path}" for winner in winners]
    lines.append(f"to resume or extend: {as_shell(run.record.command)}")
    return lines


def duration(seconds: float) -> str:
    """Write a time span for people."""
    if seconds < 90:
        return f"{max(seconds, 0):.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
