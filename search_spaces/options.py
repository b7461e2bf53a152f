"""Options of a part: read from its constructor, checked by name and type, kept in one canonical form."""

import inspect
import math
from collections.abc import Callable, Mapping
from difflib import get_close_matches
from functools import cache
from typing import Any, Final, Literal, NamedTuple, get_args, get_origin

from millinet.errors import ConfigError

_LARGEST: Final = 2**53
"""From here on an integer may have no exact float."""

Value = bool | int | float | str


class Option(NamedTuple):
    """One keyword-only argument of a part's constructor."""

    kind: Any
    default: Value


@cache
def options_of(part: Callable[..., Any]) -> Mapping[str, Option]:
    """List the options of a part, with type and default.

    Raises:
        ConfigError: If a keyword-only argument lacks its default or a type that an option may have.
    """
    found = {}
    for name, parameter in inspect.signature(part, eval_str=True).parameters.items():
        if parameter.kind is not inspect.Parameter.KEYWORD_ONLY:
            continue
        kind = parameter.annotation
        if parameter.default is parameter.empty or not (
            kind in (bool, int, float, str) or get_origin(kind) is Literal
        ):
            raise ConfigError(
                f"option {name!r} of {part.__name__} needs a default and the type bool, int, float, str or "
                f"Literal, got {parameter}"
            )
        found[name] = Option(kind, parameter.default)
    return found


def canonical(part: type, options: Mapping[str, Any]) -> dict[str, Value]:
    """Check options and drop those at their default, in the order of the constructor.

    Dropping defaults keeps a fingerprint stable when a later version adds an option.

    Raises:
        ConfigError: If a name or value is not an option of `part`.
    """
    known = options_of(part)
    for name in options:
        if name not in known:
            near = get_close_matches(name, known, n=1)
            hint = f"did you mean {near[0]!r}? " if near else ""
            raise ConfigError(
                f"{part.__name__} has no option {name!r}; {hint}known: {', '.join(known) or 'none'}"
            )
    checked = {
        name: _checked(name, options[name], option) for name, option in known.items() if name in options
    }
    return {name: value for name, value in checked.items() if value != known[name].default}


def complete(part: type, options: Mapping[str, Any]) -> dict[str, Value]:
    """Fill in the defaults of the options not given."""
    return {name: option.default for name, option in options_of(part).items()} | dict(options)


def _checked(name: str, value: Any, option: Option) -> Value:
    if get_origin(option.kind) is Literal:
        allowed = get_args(option.kind)
        if type(value) is not type(option.default) or value not in allowed:
            raise ConfigError(f"{name} must be one of {list(allowed)}, got {value!r}")
        return value
    if (
        option.kind is float
        and isinstance(value, int)
        and abs(value) < _LARGEST
        and not isinstance(value, bool)
    ):
        value = float(value)
    if type(value) is not option.kind:
        raise ConfigError(f"{name} must be of type {option.kind.__name__}, got {value!r}")
    if isinstance(value, float) and not math.isfinite(value):
        raise ConfigError(f"{name} must be a finite number, got {value}")
    return value
