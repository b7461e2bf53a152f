"""Read and write weights without pickle."""

from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import nn

from millinet.errors import ModelError
from millinet.files import replacing


def save_weights(model: nn.Module, path: Path) -> None:
    """Write parameters and buffers as safetensors, atomically."""
    tensors = {key: value.detach().cpu().contiguous().clone() for key, value in model.state_dict().items()}
    with replacing(path) as partial:
        save_file(tensors, partial)


def load_weights(model: nn.Module, path: Path) -> None:
    """Load a state dict into a model of the same shapes.

    Raises:
        ModelError: If the file is missing, needs pickle, or does not fit the model.
    """
    if not path.is_file():
        raise ModelError(
            f"no weights at {path}; give a .safetensors file or a state dict saved by torch.save"
        )
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
    try:
        model.load_state_dict(state)
    except (RuntimeError, TypeError, AttributeError) as error:
        raise ModelError(f"weights in {path} do not fit the model: {_fit_problem(error)}") from error


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__


def _fit_problem(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return " ".join(lines[1:2] or lines)[:300]
