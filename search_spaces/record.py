"""An architecture as JSON: canonical when written, checked field by field when read."""

import json
from dataclasses import asdict, fields
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from millinet.errors import ConfigError
from search_spaces.layers import Layers


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class StemRecord(_Strict):
    """The stem, as read."""

    name: str
    width: int
    options: dict[str, bool | int | float | str] = Field(default_factory=dict)


class StageRecord(_Strict):
    """A stage, as read."""

    block: str
    depth: int
    width: int
    stride: int = 1
    options: dict[str, bool | int | float | str] = Field(default_factory=dict)


class HeadRecord(_Strict):
    """The head, as read."""

    name: str = "dense"
    options: dict[str, bool | int | float | str] = Field(default_factory=dict)


class LayersRecord(_Strict):
    """Norm, activation and bias, as read."""

    norm: str = "batch"
    activation: str = "relu"
    norm_eps: float = 1e-5
    bias: Literal["auto", "always"] = "auto"
    drop_path: float = 0.0


class ArchitectureRecord(_Strict):
    """An architecture, as read."""

    in_channels: int
    num_classes: int
    resolution: list[int] = Field(min_length=2, max_length=2)
    stem: StemRecord
    stages: list[StageRecord]
    head: HeadRecord = Field(default_factory=HeadRecord)
    layers: LayersRecord = Field(default_factory=LayersRecord)


def to_json(architecture: Any) -> str:
    """Write an architecture on one line; layers at their default are left out, keys keep their order."""
    content = asdict(architecture)
    defaults = Layers()
    content["layers"] = {
        field.name: content["layers"][field.name]
        for field in fields(Layers)
        if content["layers"][field.name] != getattr(defaults, field.name)
    }
    return json.dumps(content)


def read_record(text: str) -> ArchitectureRecord:
    """Read the fields of an architecture.

    Raises:
        ConfigError: If the text is no JSON or a field is missing, foreign or of another type.
    """
    try:
        return ArchitectureRecord.model_validate_json(text)
    except ValidationError as error:
        raise ConfigError(f"not an architecture: {first_problem(error)}") from error


def first_problem(error: ValidationError) -> str:
    """Say on one line which field is wrong, how, and what was given."""
    problem = error.errors()[0]
    # A foreign name is the user's own text: it may hold a line break, or fill a page.
    where = ".".join(_short(step) for step in problem["loc"]) or "the text"
    return f"{where}: {problem['msg'].lower()}, got {str(problem['input'])[:60]!r}"


def _short(step: int | str) -> str:
    text = str(step)
    return text if text.isprintable() and len(text) <= 40 else repr(text[:40])
