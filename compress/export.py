"""Write a finished network as .pt2 and ONNX, and prove in a fresh process that all its forms agree."""

import io
import json
import logging
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from typing import Any, Final

import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from millinet.device import evaluating
from millinet.errors import ExactnessError, ModelError
from millinet.files import replacing
from millinet.latency import inference_form
from millinet.models import load_model
from millinet.tables import loaded_plugins

TOLERANCE: Final = 1e-4
"""Largest difference between two forms, relative to the largest output."""
TIMEOUT_SECONDS: Final = 600
_PROBE_IMAGES: Final = 3


def export_winner(folder: Path, input_shape: tuple[int, int, int]) -> dict[str, float]:
    """Write model.pt2 and model.onnx beside a winner's weights, both with a free batch size, and check them.

    Branches are merged and batch norms folded, as when latency is measured. Nothing is written when a form
    disagrees.

    Args:
        folder: A winner's folder with its weights.
        input_shape: (channels, height, width) of one image.

    Returns:
        The difference of each form from the trained network, relative to the largest output.

    Raises:
        ModelError: If the network cannot be exported.
        ExactnessError: If a form differs by more than `TOLERANCE`.
    """
    model = load_model(folder).model
    images = torch.randn(_PROBE_IMAGES, *input_shape, generator=torch.Generator().manual_seed(0))
    with evaluating(model):
        expected = model(images)
    program = export_program(inference_form(model, images), images)
    with replacing(folder / "model.pt2") as graph, replacing(folder / "model.onnx") as onnx:
        _write_graph(program, graph)
        _write_onnx(program, images, onnx)
        return check_forms(folder, {"pt2": graph, "onnx": onnx}, images, expected)


def export_program(model: nn.Module, images: Tensor) -> torch.export.ExportedProgram:
    """Trace a model with a free batch size.

    Args:
        model: In eval mode.
        images: Shape (batch, channels, height, width) with at least two images: one would fix the batch size.

    Raises:
        ModelError: If torch.export cannot trace it.
    """
    try:
        return torch.export.export(model, (images,), dynamic_shapes=({0: torch.export.Dim("batch", min=1)},))
    except Exception as error:  # torch.export raises a dozen unrelated types
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise ModelError(
            f"the network cannot be exported: {type(error).__name__}: {reason}; avoid control flow that "
            f"depends on values, and shapes that depend on the batch size"
        ) from error


def check_forms(
    folder: Path, files: Mapping[str, Path], images: Tensor, expected: Tensor
) -> dict[str, float]:
    """Load every form of a network in a fresh process and compare it with the outputs expected.

    Args:
        folder: A winner's folder with its weights.
        files: The exported files, by form: pt2, onnx.
        images: Shape (batch, channels, height, width).
        expected: Outputs of the trained network for them.

    Returns:
        The difference of each form, relative to the largest output.

    Raises:
        ExactnessError: If one differs by more than `TOLERANCE`.
        ModelError: If one cannot be loaded.
    """
    with tempfile.TemporaryDirectory() as scratch:
        probe = Path(scratch) / "probe.safetensors"
        save_file({"images": images.contiguous(), "expected": expected.contiguous()}, probe)
        request = {
            "folder": str(folder.resolve()),
            "files": {form: str(path.resolve()) for form, path in files.items()},
            "probe": str(probe),
            "plugins": [str(path) for path in loaded_plugins()],
        }
        errors = _ask(request)
    for form, error in errors.items():
        if not error <= TOLERANCE:
            raise ExactnessError(
                f"the {form} form of {folder} differs from the trained network by {error:.2g} of its output, "
                f"{TOLERANCE:g} is allowed; nothing was exported"
            )
    return errors


def _ask(request: dict[str, Any]) -> dict[str, float]:
    done = subprocess.run(
        [sys.executable, "-m", "compress.reload"],
        input=json.dumps(request),
        capture_output=True,
        text=True,
        timeout=TIMEOUT_SECONDS,
        check=False,
    )
    try:
        answer: dict[str, float] = json.loads(done.stdout.strip().splitlines()[-1])
    except (ValueError, IndexError) as error:
        last = (done.stderr.strip().splitlines() or ["it said nothing"])[-1]
        raise ModelError(f"the exported network does not load in a fresh process: {last}") from error
    return answer


def _write_graph(program: torch.export.ExportedProgram, path: Path) -> None:
    buffer = io.BytesIO()
    torch.export.save(program, buffer)
    path.write_bytes(buffer.getvalue())


def _write_onnx(program: torch.export.ExportedProgram, images: Tensor, path: Path) -> None:
    try:
        with _quiet():
            torch.onnx.export(program, (images,), path, dynamo=True, external_data=False, verbose=False)
    except Exception as error:  # the exporter wraps whatever its passes raise
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise ModelError(
            f"the network cannot be written as ONNX: {type(error).__name__}: {reason}"
        ) from error


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep the exporter from talking: it prints its progress, logs, and warns of its own deprecations."""
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings(), redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)
