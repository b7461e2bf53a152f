"""A password leaves no trace."""

import subprocess
import sys

import pytest

from millinet.masking import masked, passwords_in

ADDRESS = "postgresql+psycopg://me:pa%2Fss@db.example:5432/trials"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (ADDRESS, "postgresql+psycopg://me:***@db.example:5432/trials"),
        ("postgresql://me@db/trials", "postgresql://me@db/trials"),
        ("postgresql://me:a@b@db/trials", "postgresql://me:***@db/trials"),
        ("postgresql://me:a/b c@db/trials", "postgresql://me:***@db/trials"),
        ("postgresql://me:a://b@db/trials", "postgresql://me:***@db/trials"),
        ("postgresql://me:abc", "postgresql://me:***"),
        ("postgresql://db:5432/trials", "postgresql://db:5432/trials"),
        ("host=db user=me password=abc", "host=db user=me password=***"),
        ("password = 'a b' host=db", "password = *** host=db"),
        ("a://u:1@x, then b://v:2@y", "a://u:***@x, then b://v:***@y"),
        (
            "postgresql://me@db/trials?password=abc&sslmode=require",
            "postgresql://me@db/trials?password=***&sslmode=require",
        ),
        ("--storage=postgresql://me:x@db/t failed", "--storage=postgresql://me:***@db/t failed"),
        ("sqlite:////runs/digits/study.db", "sqlite:////runs/digits/study.db"),
        ("0.5x:resnet20@batch=32", "0.5x:resnet20@batch=32"),
    ],
)
def test_only_the_password_is_hidden(text: str, shown: str) -> None:
    assert masked(text) == shown


def test_passwords_are_found_as_they_are_written() -> None:
    assert passwords_in(f"{ADDRESS} postgresql://a@b/c?password=xyz") == ["pa%2Fss", "xyz"]
    assert passwords_in("postgresql://me:a/b@db") == ["a/b"]


@pytest.mark.skipif(
    not sys.platform.startswith("linux"), reason="only Linux shows a title that can be written"
)
def test_the_process_title_shows_stars() -> None:
    program = (
        "import sys; from pathlib import Path; from millinet.masking import hide_from_title\n"
        "hide_from_title(sys.argv[1]); print(Path('/proc/self/cmdline').read_bytes())"
    )

    done = subprocess.run(
        [sys.executable, "-c", program, ADDRESS], capture_output=True, text=True, check=True
    )

    assert "pa%2Fss" not in done.stdout
    assert "me:*******@db.example" in done.stdout


def test_a_command_is_recorded_without_its_password(monkeypatch: pytest.MonkeyPatch) -> None:
    from millinet.provenance import command_line

    monkeypatch.setattr(sys, "argv", ["millinet", "search", "--storage", ADDRESS])

    assert command_line() == ["millinet", "search", "--storage", masked(ADDRESS)]
