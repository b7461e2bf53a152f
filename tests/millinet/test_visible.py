"""Text from a database or a data set steers no terminal, on whichever way it comes to one."""

import io
from pathlib import Path

import pytest
from PIL import Image
from rich.live import Live
from rich.table import Table

from millinet.cli import main
from millinet.console import Console
from millinet.data import load_data
from millinet.visible import visible

HOSTILE = "\x1b]0;owned\x07\x1b[2Jclass\r\x9b31m\u202egnp.exe\x00"
SHOWN = r"\x1b]0;owned\x07\x1b[2Jclass\r\x9b31m\u202egnp.exe\x00"

LONG = 200 * "x"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (HOSTILE, SHOWN),
        ("a\tb\nc", "a\tb\nc"),
        ("h\u00e9ron \u5927 \U0001f469\u200d\U0001f52c", "h\u00e9ron \u5927 \U0001f469\u200d\U0001f52c"),
        ("not-utf8-\udcff", r"not-utf8-\udcff"),
        (r"C:\x1b", r"C:\x1b"),
    ],
)
def test_what_steers_a_terminal_is_written_out_and_the_rest_is_left(text: str, shown: str) -> None:
    assert visible(text) == shown
    assert visible(shown) == shown


def test_a_printed_line_is_one_line_of_text() -> None:
    stream = io.StringIO()

    Console(stream).print(f"[bold]\x1b]2;{LONG}\x1b[2J[/bold] :smile:")

    assert stream.getvalue() == rf"[bold]\x1b]2;{LONG}\x1b[2J[/bold] :smile:" + "\n"


def test_a_live_table_on_a_terminal_is_steered_by_rich_alone() -> None:
    stream = io.StringIO()
    console = Console(stream, width=200)
    console._force_terminal = True
    table = Table()
    table.add_column("name")
    table.add_row(HOSTILE)

    with Live(console=console, auto_refresh=False) as live:
        live.update(table, refresh=True)
        console.print(HOSTILE)

    assert stream.getvalue().count(r"\x1b]0;owned") == 2
    assert not any(
        steering in stream.getvalue() for steering in ("\x1b]", "\x1b[2J", "\x07", "\x9b", "\u202e")
    )


def test_names_of_a_data_set_are_recorded_as_text_that_may_be_shown(tmp_path: Path) -> None:
    for name in ("cat", "\x1b]0;owned\x07dog"):
        (tmp_path / name).mkdir()
        for number in range(20):
            Image.new("L", (4, 4), 10 * number).save(tmp_path / name / f"{number}.png")
    (tmp_path / "cat" / "\x1b[2J.png").write_bytes(b"no image")

    record = load_data(f"folder:{tmp_path}").as_dict()

    assert r"\x1b]0;owned\x07dog" in record["class_names"]
    assert r"\x1b[2J.png" in record["skipped"][0]


def test_an_error_is_one_line_of_text(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["report", "no-such-folder\x1b]0;owned\x07"])

    (line,) = capsys.readouterr().err.splitlines()
    assert r"no-such-folder\x1b]0;owned\x07" in line
