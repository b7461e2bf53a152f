"""What a person sees of a search."""

import io

import pandas as pd
import pytest
from rich.console import Console

from nas.display import cells, duration, plain_line, skipped_lines, trials_table, verdict_words
from nas.ledger import row_as_text

ROW = {
    "trial": 3,
    "state": "complete",
    "blocks": "basic inverted",
    "parameters": 12345,
    "latency_ms": 1.5,
    "latency_low_ms": 1.4,
    "latency_high_ms": 1.6,
    "budget_ms": 2.0,
    "accuracy": 0.98765,
    "cause": None,
}


def test_a_trial_is_told_with_its_interval_against_the_budget() -> None:
    assert cells(ROW) == [
        "3",
        "basic inverted",
        "12,345",
        "1.500 [1.400, 1.600]",
        "75%",
        "0.9877",
        "meets",
    ]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"is_best": True}, "best"),
        ({"state": "over budget", "accuracy": None}, "over budget, not trained"),
        ({"state": "undecided", "accuracy": None}, "undecided, not trained"),
        ({"state": "pruned early"}, "pruned early"),
        ({"state": "failed", "cause": "out of memory", "latency_ms": None}, "failed: out of memory"),
    ],
)
def test_every_end_of_a_trial_has_its_words(changes: dict[str, object], words: str) -> None:
    row = ROW | changes

    assert verdict_words(row) == words
    assert plain_line(row).endswith(words)


def test_names_with_markup_are_shown_as_they_are() -> None:
    stream = io.StringIO()

    Console(file=stream, width=120).print(trials_table([ROW | {"blocks": "[red]basic[/red]"}]))

    assert "[red]basic[/red]" in stream.getvalue()


def test_a_row_of_a_database_is_text_that_may_be_shown() -> None:
    row = ROW | {"cause": "\x1b]0;owned\x07", "blocks": "basic\u202e"}

    assert row_as_text(row) == ROW | {"cause": r"\x1b]0;owned\x07", "blocks": r"basic\u202e"}


def test_of_many_unreadable_images_the_first_are_named() -> None:
    lines = skipped_lines([f"{number}.jpg: truncated" for number in range(7)])

    assert lines == [
        "skipped 7 unreadable image(s): 0.jpg: truncated; 1.jpg: truncated; 2.jpg: truncated; "
        "3.jpg: truncated; 4.jpg: truncated and 2 more, listed in run.json"
    ]
    assert skipped_lines([]) == []


@pytest.mark.parametrize(("seconds", "text"), [(0, "0 s"), (89, "89 s"), (600, "10 min"), (7200, "2.0 h")])
def test_time_left_is_written_for_people(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_a_missing_value_is_no_nan_on_screen() -> None:
    from nas.display import _rows_of

    frame = pd.DataFrame({"accuracy": [float("nan")], "cause": [None], "trial": [1]})

    assert _rows_of(frame) == [{"accuracy": None, "cause": None, "trial": 1}]
