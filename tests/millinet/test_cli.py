"""The program: help, errors in one line, exit codes."""

import subprocess
import sys

import pytest

from millinet.cli import help_line, main


def program(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "millinet", *words], capture_output=True, text=True)


def test_help_names_every_command_with_a_line() -> None:
    done = program("--help")

    assert done.returncode == 0
    for command in ("run", "search", "prune", "report", "profile", "export"):
        line = next(line for line in done.stdout.splitlines() if line.strip().startswith(command))
        assert len(line.split()) > 2


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        (["serch"], "'search'"),
        (["search", "--trails", "3"], "--trials"),
        (["search", "--trials", "many"], "--trials"),
    ],
)
def test_a_mistyped_word_is_one_line_with_the_nearest(words: list[str], hint: str) -> None:
    done = program(*words)

    assert done.returncode == 2
    assert len(done.stderr.strip().splitlines()) == 1
    assert hint in done.stderr
    assert done.stderr.startswith("millinet: error: ")


def test_no_words_is_help(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        main([])

    assert end.value.code == 0
    assert "Commands:" in capsys.readouterr().out


def test_a_help_line_comes_from_the_source_unimported() -> None:
    from importlib.metadata import EntryPoint

    assert help_line(EntryPoint("x", "tests_no_such_package.module:f", "millinet.commands")) == ""
