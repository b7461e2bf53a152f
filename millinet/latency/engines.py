"""The engines a deployed form can run on: eager torch, torch.compile, ONNX Runtime."""

import io
import logging
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, redirect_stdout
from typing import Any, Final

import torch
from torch import Tensor, nn

from millinet.errors import MeasurementError

Call = Callable[[], object]


def torch_engine(form: nn.Module, images: Tensor) -> Call:
    """Call the module as it is."""

    def call() -> object:
        with torch.inference_mode():
            return form(images)

    return call


def compile_engine(form: nn.Module, images: Tensor) -> Call:
    """Compile the module with Inductor for this one shape; the first call takes tens of seconds."""
    call = torch_engine(torch.compile(form, dynamic=False), images)  # type: ignore[arg-type]
    with _unheard():
        call()
    return call


def onnxruntime_engine(form: nn.Module, images: Tensor) -> Call:
    """Export the module to ONNX in memory and run it with ONNX Runtime on the CPU.

    Raises:
        MeasurementError: If the form is not fp32 on the CPU, cannot be exported, or the package is missing.
    """
    if images.device.type != "cpu" or images.dtype != torch.float32:
        raise MeasurementError(
            f"the onnxruntime engine takes fp32 on the CPU, got {images.dtype} on {images.device}; "
            f"use --engine torch for others"
        )
    try:
        import onnxruntime
    except ImportError as error:
        raise MeasurementError("the onnxruntime engine needs the package onnxruntime") from error
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(
        _exported(form, images), options, providers=["CPUExecutionProvider"]
    )
    feed = {session.get_inputs()[0].name: images.contiguous().numpy()}
    return lambda: session.run(None, feed)


ENGINES: Final[Mapping[str, Callable[[nn.Module, Tensor], Call]]] = {
    "torch": torch_engine,
    "compile": compile_engine,
    "onnxruntime": onnxruntime_engine,
}
"""What runs a deployed form; each returns one call of it."""


def _exported(form: nn.Module, images: Tensor) -> bytes:
    plain = form.to(memory_format=torch.contiguous_format)
    try:
        with _unheard(), torch.no_grad():
            program: Any = torch.onnx.export(plain, (images.contiguous(),), dynamo=True, verbose=False)
    except Exception as error:
        cause = str(error).strip().partition("\n")[0]
        raise MeasurementError(
            f"{type(form).__name__} cannot be exported to ONNX: {type(error).__name__}: {cause}; "
            f"measure it with --engine torch"
        ) from error
    return bytes(program.model_proto.SerializeToString())


@contextmanager
def _unheard() -> Iterator[None]:
    """Keep progress and advice of exporter and compiler, which no user can act on, off the screen."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings(), redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)
