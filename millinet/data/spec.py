"""What a user writes after `--data`: NAME[:ARGUMENT][,OPTION=VALUE...].

digits
folder:/data/birds
folder:/data/birds,size=96,mirror=no
cifar10:/data/torchvision,download=yes
csv:labels.csv
mypackage.data:birds
"""

import re
from typing import Final

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from millinet.errors import ConfigError

_OPTIONS_AT_END: Final = re.compile(r"(?P<head>.*?)(?P<options>(?:,[a-z_]+=[^,]*)*)", re.DOTALL)


class DataOptions(BaseModel):
    """What may follow a data set's name, after commas; unknown names are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    validation: float = Field(default=0.15, gt=0.0, lt=1.0)
    """Fraction of the undivided images held back for early stopping, if the set has no such part."""
    test: float = Field(default=0.2, gt=0.0, lt=1.0)
    """Fraction of the undivided images held back for the certificate, if the set has no such part."""
    size: int | None = Field(default=None, ge=1, le=4096)
    """Side of the square that images are brought to; by default their own size where all agree."""
    channels: int | None = Field(default=None, ge=1)
    """1 for grey, 3 for colour; by default what the images are."""
    mirror: bool | None = None
    """Whether a mirrored image keeps its label; by default what the set says."""
    memory: float | None = Field(default=None, ge=0.0)
    """Largest set of image files held in memory, in MiB; by default 4096, or a quarter of what is free."""
    download: bool = False
    """Whether a set that is not on disk may be fetched."""


class DataSpec(BaseModel):
    """A data set's name taken apart."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    text: str
    """As the user wrote it."""
    name: str
    """What the table is asked for."""
    argument: str
    """What follows the colon, or nothing."""
    options: DataOptions
    """What follows the commas."""


def parse_spec(text: str) -> DataSpec:
    """Take a data set's name apart.

    Raises:
        ConfigError: If it is empty, or an option is unknown or out of range.
    """
    matched = _OPTIONS_AT_END.fullmatch(text)
    head = matched["head"] if matched else text
    name, _, argument = head.partition(":")
    if not name:
        raise ConfigError(f"a data set has a name, got {text!r}; write for example digits or folder:PATH")
    pairs = [pair.split("=", 1) for pair in (matched["options"] if matched else "").split(",") if pair]
    try:
        options = DataOptions.model_validate(dict(pairs))
    except ValidationError as error:
        first = error.errors()[0]
        option = ".".join(map(str, first["loc"]))
        known = ", ".join(DataOptions.model_fields)
        raise ConfigError(
            f"data set option {option}={first['input']!r}: {first['msg']}; options are {known}"
        ) from error
    return DataSpec(text=text, name=name, argument=argument, options=options)
