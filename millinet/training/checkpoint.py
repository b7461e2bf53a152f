"""Save a training after an epoch, and go on from there as if it had never stopped."""

import pickle
from pathlib import Path
from typing import Any, Final

import torch

from millinet.errors import ConfigChangedError, RunFolderError
from millinet.files import replacing

FORMAT: Final = "millinet.checkpoint/1"


def save_checkpoint(path: Path, state: dict[str, Any], *, config: dict[str, Any]) -> None:
    """Write a checkpoint atomically.

    Args:
        path: The file; an older checkpoint there is replaced.
        state: Tensors and plain values, nested in dicts and lists.
        config: What the training was asked to be; only the same may continue it.
    """
    with replacing(path) as partial:
        torch.save({"format": FORMAT, "config": config, "state": state}, partial)


def load_checkpoint(path: Path, *, config: dict[str, Any]) -> dict[str, Any] | None:
    """Read the state back, or None where there is no checkpoint yet.

    Raises:
        ConfigChangedError: If the checkpoint is of another training; the message lists what differs.
        RunFolderError: If the file is no checkpoint, or broken.
    """
    if not path.exists():
        return None
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
        found, saved, state = content["format"], content["config"], content["state"]
    except (RuntimeError, pickle.UnpicklingError, EOFError, KeyError, TypeError, OSError) as error:
        raise RunFolderError(
            f"{path} is no checkpoint that can be read ({type(error).__name__}); delete it to begin again"
        ) from error
    if found != FORMAT:
        raise RunFolderError(
            f"{path} has format {found!r}, this version reads {FORMAT!r}; delete it to begin again"
        )
    keys = sorted(saved.keys() | config.keys())
    changes = [
        f"{key}: {saved.get(key)!r} -> {config.get(key)!r}"
        for key in keys
        if saved.get(key) != config.get(key)
    ]
    if changes:
        raise ConfigChangedError(
            f"{path} is a checkpoint of another training ({'; '.join(changes)}); "
            f"repeat the old settings to continue it, or delete it"
        )
    return state
