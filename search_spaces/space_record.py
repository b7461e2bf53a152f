"""A search space as TOML: checked field by field when read, and written so that reading gives the same."""

import json
import tomllib
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from millinet.errors import ConfigError
from search_spaces.description import MOST
from search_spaces.options import Value
from search_spaces.record import first_problem


def _listed(value: Any) -> Any:
    return value if isinstance(value, list) else [value]


_Count = Annotated[int, Field(ge=1, le=MOST)]
Counts = Annotated[list[_Count], BeforeValidator(_listed), Field(min_length=1)]
Strides = Annotated[list[Literal[1, 2]], BeforeValidator(_listed), Field(min_length=1)]
_Finite = Annotated[float, Field(allow_inf_nan=False)]
Values = Annotated[list[bool | int | _Finite | str], BeforeValidator(_listed), Field(min_length=1)]
Variants = Annotated[dict[str, dict[str, Values]], Field(min_length=1)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class StageChoices(_Strict):
    """What one stage may be."""

    depth: Counts
    """Numbers of blocks."""
    width: Counts | None = None
    """Channels; a variant that lists its own `width` overrides it."""
    stride: Strides = Field(default=[1])
    """Strides of the first block."""
    optional: bool = False
    """Whether the stage may be left out; the last one only."""
    blocks: Variants
    """Label to the values of the block's options; `block` names the block where the label does not."""


class SpaceRecord(_Strict):
    """A search space, independent of the images it will be used for."""

    name: str
    """How messages call it."""
    multiple_of: _Count = 1
    """Choices with a width that is no multiple of it are left out; 8 suits tensor cores.

    Widths inside a block are widths too. The vector that squeeze-and-excitation pools is not held to it: the
    reference networks round it down, and on one pixel no device gains by more.
    """
    stem: Variants
    """Label to widths and options; `stem` names the stem where the label does not."""
    stages: list[StageChoices] = Field(min_length=1)
    """The body, in order."""
    head: Variants
    """Label to options; `head` names the head where the label does not."""
    layers: Variants = Field(default={"batch": {}})
    """Label to values of the fields of `Layers`, chosen once for the whole network."""


def read_toml(text: str, *, origin: str) -> SpaceRecord:
    """Read a space.

    Args:
        text: The TOML.
        origin: Where it comes from, for messages.

    Raises:
        ConfigError: If it is no TOML, or a field is missing, foreign or of another type; the message names
            it.
    """
    try:
        return SpaceRecord.model_validate(tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{origin} is no TOML: {error}") from error
    except ValidationError as error:
        raise ConfigError(f"{origin}: {first_problem(error)}") from error


def write_toml(record: SpaceRecord) -> str:
    """Write a space; fields at their default are left out."""
    content = record.model_dump(exclude_defaults=True, exclude_none=True)
    tables = {name: content.pop(name) for name in ("stem", "stages", "head")}
    layers = content.pop("layers", {})
    lines = [f"{name} = {_value(value)}" for name, value in content.items()]
    lines += _variants("stem", tables["stem"])
    for stage in tables["stages"]:
        blocks = stage.pop("blocks")
        lines += ["", "[[stages]]", *(f"{name} = {_value(value)}" for name, value in stage.items())]
        lines += _variants("stages.blocks", blocks)
    lines += _variants("head", tables["head"])
    lines += _variants("layers", layers) if layers else []
    return "\n".join(lines) + "\n"


def _variants(table: str, variants: Mapping[str, Mapping[str, list[Value]]]) -> list[str]:
    lines = ["", f"[{table}]"]
    for label, axes in variants.items():
        inside = ", ".join(f"{_value(axis)} = {_value(values)}" for axis, values in axes.items())
        lines.append(f"{_value(label)} = {{ {inside} }}" if inside else f"{_value(label)} = {{}}")
    return lines


def _value(value: Any) -> str:
    """Write a scalar or list; JSON's strings, numbers and truth values are TOML's as well."""
    if isinstance(value, list):
        return f"[{', '.join(_value(entry) for entry in value)}]"
    # TOML has no surrogate pairs, and unlike JSON wants DEL escaped.
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
