"""The `millinet` program: finds its commands, runs one, and turns errors into one line and an exit code.

A command is an entry point of the group `millinet.commands` that names a function with typer-annotated
parameters. Only the command asked for is imported, so `--help` answers at once and the floor never imports
upward; the help line of the others is read from their source without running it.

Exit codes: 0 done, 1 failed, 2 bad input, 3 nothing meets the budget, 130 interrupted and resumable.
"""

import ast
import sys
from collections.abc import Callable, Sequence
from importlib.metadata import EntryPoint, entry_points
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from millinet.errors import ConfigError, MillinetError
from millinet.interrupts import interrupts_kept
from millinet.provenance import versions
from millinet.visible import visible

GROUP: Final = "millinet.commands"
# typer carries its own copy of click, and which class is the root of usage errors depends on its version.
_UsageError: Final = next(kind for kind in typer.BadParameter.__mro__ if kind.__name__ == "ClickException")


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the program and exit with its code."""
    words = list(sys.argv[1:] if arguments is None else arguments) or ["--help"]
    try:
        with interrupts_kept():
            code = _program(words)(words, prog_name="millinet", standalone_mode=False)
    except MillinetError as error:
        code = _complain(str(error), error.exit_code)
    except KeyboardInterrupt:
        code = _complain("interrupted", 130)
    except BrokenPipeError:
        code = 1
    except Exception as error:
        if not isinstance(error, _UsageError):
            raise
        code = _complain(f"{error.format_message()} See `millinet --help`.", 2)  # type: ignore[attr-defined]
    sys.exit(code if isinstance(code, int) else 0)


def call(name: str, **options: Any) -> Any:
    """Call a command from another one, by name, with its Python parameters.

    Raises:
        ConfigError: If no installed distribution provides the command.
    """
    for entry in entry_points(group=GROUP, name=name):
        return entry.load()(**options)
    raise ConfigError(f"no command {name!r} is installed; reinstall millinet")


def help_line(entry: EntryPoint) -> str:
    """Return the first line of a command's module docstring, without importing the module."""
    package, *rest = entry.module.split(".")
    spec = find_spec(package)
    for root in (spec.submodule_search_locations or []) if spec else []:
        file = Path(root, *rest).with_suffix(".py")
        if file.is_file():
            return (ast.get_docstring(ast.parse(file.read_text(encoding="utf-8"))) or "").partition("\n")[0]
    return ""


def _program(words: Sequence[str]) -> typer.Typer:
    program = typer.Typer(
        help="Search, prune and measure image classifiers inside a latency budget.",
        add_completion=False,
        rich_markup_mode=None,
        context_settings={"max_content_width": 120},
        pretty_exceptions_enable=False,
    )
    program.callback()(_options)
    asked = next((word for word in words if not word.startswith("-")), None)
    for entry in sorted(entry_points(group=GROUP), key=lambda entry: entry.name):
        body = entry.load() if entry.name == asked else _placeholder()
        program.command(entry.name, help=None if entry.name == asked else help_line(entry))(body)
    return program


def _options(
    *,
    version: Annotated[
        bool, typer.Option("--version", help="Print the version and exit.", is_eager=True)
    ] = False,
) -> None:
    if version:
        sys.stdout.write(f"millinet {versions().get('millinet', 'unknown')}\n")
        raise typer.Exit


def _placeholder() -> Callable[[], None]:
    return lambda: None


def _complain(message: str, code: int) -> int:
    sys.stderr.write(f"millinet: error: {visible(' '.join(message.split()))}\n")
    return code
