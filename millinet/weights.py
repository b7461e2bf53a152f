"""Read and write weights without pickle."""

from pathlib import Path
from typing import Any, Final
from zipfile import ZIP_STORED, BadZipFile, ZipFile

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from millinet.errors import ModelError
from millinet.files import replacing

AUXILIARY: Final = ("aux1.", "aux2.", "AuxLogits.")
"""Classifiers of GoogLeNet and Inception v3 that serve their training alone, and are not built."""


def save_weights(model: nn.Module, path: Path) -> None:
    """Write parameters and buffers as safetensors, atomically."""
    tensors = {key: value.detach().cpu().contiguous().clone() for key, value in model.state_dict().items()}
    with replacing(path) as partial:
        save_file(tensors, partial)


def load_weights(model: nn.Module, path: Path) -> None:
    """Load a state dict into a model of the same shapes.

    Weights of auxiliary classifiers are passed over where the model says that it has none of them.

    Raises:
        ModelError: If the file is missing, needs pickle, or does not fit the model.
    """
    _put(model, _state_in(path), path)


def begin_from(model: nn.Module, path: Path) -> str | None:
    """Load the weights of a model for other classes, but for the layer that names the classes.

    Args:
        model: Changed in place; its own last layer stays as it was built.
        path: A state dict of a model that differs in the number of classes, or in nothing.

    Returns:
        The name of the layer that begins anew; None where all weights fit.

    Raises:
        ModelError: If the file is missing, needs pickle, or differs in anything else.
    """
    state, own = _state_in(path), model.state_dict()
    fresh = [name for name in own if _is_of_other_classes(own[name], state.get(name))]
    layers = {name.rpartition(".")[0] for name in fresh}
    _put(model, state | {name: own[name] for name in fresh} if len(layers) == 1 else state, path)
    return next(iter(layers), None)


def _state_in(path: Path) -> dict[str, Any]:
    if not path.is_file():
        raise ModelError(
            f"no weights at {path}; give a .safetensors file or a state dict saved by torch.save"
        )
    if _is_compressed(path):
        raise ModelError(f"{path} is compressed, as torch.save leaves nothing; unpack it, or save it anew")
    try:
        is_safe = path.suffix == ".safetensors"
        state: Any = load_file(path) if is_safe else torch.load(path, map_location="cpu", weights_only=True)
    except (SafetensorError, OSError, RuntimeError, ValueError, EOFError, KeyError) as error:
        raise ModelError(f"{path} holds no readable weights: {_first_line(error)}") from error
    except Exception as error:
        # weights_only=True reports forbidden content as pickle.UnpicklingError, a plain Exception.
        raise ModelError(
            f"{path} holds more than tensors, and no pickle is loaded; save model.state_dict() instead"
        ) from error
    if isinstance(state, dict) and isinstance(state.get("state_dict"), dict):
        state = state["state_dict"]
    if not isinstance(state, dict):
        raise ModelError(f"{path} holds a {type(state).__name__}; save model.state_dict()")
    return state


def _is_compressed(path: Path) -> bool:
    """Tell whether a file is an archive that may be a thousand times larger once it is read."""
    try:
        with ZipFile(path) as archive:
            return any(entry.compress_type != ZIP_STORED for entry in archive.infolist())
    except BadZipFile:
        return False


def _put(model: nn.Module, state: dict[str, Any], path: Path) -> None:
    if getattr(model, "aux_logits", None) is False:
        state = {name: value for name, value in state.items() if not str(name).startswith(AUXILIARY)}
    try:
        model.load_state_dict(state)
    except (RuntimeError, TypeError, AttributeError) as error:
        raise ModelError(
            f"weights in {path} do not fit the model: {_fit_problem(error)}; give the model they were saved "
            f"from (weights for other classes are a start for `millinet train --weights`)"
        ) from error


def _is_of_other_classes(own: Tensor, given: Any) -> bool:
    """Tell whether two tensors differ in how many outputs they have, and in nothing else."""
    if not isinstance(given, Tensor) or own.dim() != given.dim() or own.dim() == 0:
        return False
    return own.shape != given.shape and own.shape[1:] == given.shape[1:]


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__


def _fit_problem(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return " ".join(lines[1:2] or lines)[:300]
