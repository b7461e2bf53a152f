"""Look a name up in a table, in the plug-ins, then in the entry points of other distributions.

A table is a plain dict in a package's `__init__.py`. What a plug-in file or another distribution adds is
found here at look-up time, so no table is ever mutated and nothing is imported before it is asked for.
"""

import sys
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from importlib.metadata import entry_points
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any, Final, TypeVar

from millinet.errors import ConfigError, UnknownNameError

T = TypeVar("T")

GROUPS: Final[tuple[str, ...]] = (
    "blocks",
    "stems",
    "heads",
    "data",
    "models",
    "recipes",
    "criteria",
    "samplers",
    "proxies",
)
"""What can be extended: `millinet.NAME` is the entry-point group, `NAME` in capitals a plug-in's dict."""

_PLUGGED: dict[str, dict[str, Any]] = {group: {} for group in GROUPS}
_MOST_LISTED: Final = 30
_PLUGIN_FILES: list[Path] = []


def pick(kind: str, name: str, table: Mapping[str, T], *, group: str | None = None) -> T:
    """Return the entry called `name`, or say what the table holds.

    Args:
        kind: What the entry is, in the singular, for the message.
        name: The name looked for.
        table: The package's own entries; they win over added ones.
        group: One of `GROUPS` where plug-ins and entry points may add to the table.

    Raises:
        UnknownNameError: If no such entry exists; the message names the nearest and all known ones.
    """
    if name in table:
        return table[name]
    if group is not None:
        if name in _PLUGGED[group]:
            return _PLUGGED[group][name]
        for entry in entry_points(group=f"millinet.{group}", name=name):
            return entry.load()
    known = names(table, group=group)
    near = get_close_matches(name, known, n=1)
    hint = f"did you mean {near[0]!r}? " if near else ""
    raise UnknownNameError(f"no {kind} called {name!r}; {hint}known: {_listed(name, known)}")


def names(table: Mapping[str, Any], *, group: str | None = None) -> list[str]:
    """List every name that `pick` would find, sorted."""
    found = set(table)
    if group is not None:
        found |= set(_PLUGGED[group])
        found |= {entry.name for entry in entry_points(group=f"millinet.{group}")}
    return sorted(found)


def _listed(name: str, known: Sequence[str]) -> str:
    """List the known names, of many only those most alike."""
    if len(known) <= _MOST_LISTED:
        return ", ".join(known)
    alike = sorted(get_close_matches(name, known, n=_MOST_LISTED, cutoff=0.0))
    return f"{', '.join(alike)} and {len(known) - len(alike)} more"


def load_plugin(path: Path) -> list[str]:
    """Run a plug-in file and take up the tables it defines.

    The file is Python and is executed: load only what you trust. It defines dicts named like the tables it
    adds to, for example `BLOCKS = {"mine": MyBlock}`.

    Returns:
        What was added, as `group.name`.

    Raises:
        ConfigError: If the file is missing, does not run, or defines no table.
    """
    name = f"millinet_plugin_{path.stem}"
    spec = spec_from_file_location(name, path) if path.is_file() else None
    if spec is None or spec.loader is None:
        raise ConfigError(f"--plugin takes an existing Python file, got {str(path)!r}")
    module = module_from_spec(spec)
    # What it defines is found under this name by another process that has run the same file.
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except Exception as error:  # whatever foreign code raises is one line for its author
        del sys.modules[name]
        raise ConfigError(f"plug-in {path} does not run: {type(error).__name__}: {error}") from error
    added = []
    for group in GROUPS:
        table = getattr(module, group.upper(), {})
        _PLUGGED[group].update(table)
        added += [f"{group}.{name}" for name in table]
    if not added:
        tables = ", ".join(group.upper() for group in GROUPS)
        raise ConfigError(f"plug-in {path} adds nothing; it should define a dict called one of {tables}")
    _PLUGIN_FILES.append(path.resolve())
    return added


def loaded_plugins() -> list[Path]:
    """List the plug-in files this process has run, for another process to run too."""
    return list(_PLUGIN_FILES)
