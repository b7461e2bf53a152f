"""Models for the program: an architecture from a file, or a network by name."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import nn

from millinet.errors import ModelError
from search_spaces.architecture import Architecture
from search_spaces.networks import network


def architecture_source(text_or_path: str | Path | Mapping[str, Any], **_: Any) -> nn.Module:
    """Build the architecture that a JSON text, its content, or a file of it describes.

    The description decides classes, channels and resolution, so such options are not looked at.

    Raises:
        ModelError: If there is no such file.
        ConfigError: If it holds no architecture.
    """
    text = json.dumps(text_or_path) if isinstance(text_or_path, Mapping) else str(text_or_path)
    if not text.lstrip().startswith("{"):
        path = Path(text)
        if not path.is_file():
            raise ModelError(f"no architecture at {text!r}; give an architecture.json or its text")
        text = path.read_text(encoding="utf-8")
    return Architecture.from_json(text).build()


def network_source(
    name: str,
    *,
    num_classes: int | None = None,
    in_channels: int | None = None,
    resolution: tuple[int, int] | None = None,
    **_: Any,
) -> nn.Module:
    """Build a network of the literature; None takes the task of its paper.

    Raises:
        UnknownNameError: If there is no such network.
    """
    return network(name, num_classes=num_classes, in_channels=in_channels, resolution=resolution).build()
