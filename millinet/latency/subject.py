"""A model made ready to be timed: its deployed form, on the device, tried out."""

import copy
from collections.abc import Callable, Sequence
from typing import NamedTuple, TypeVar

import torch
from torch import Tensor, nn

from millinet.errors import ConfigError, MeasurementError, MillinetError
from millinet.latency.engines import ENGINES
from millinet.latency.folding import inference_form
from millinet.latency.quiet import collecting_output
from millinet.latency.settings import DTYPES, MEMORY_FORMATS, LatencySettings
from millinet.latency.timer import time_once

T = TypeVar("T")


class Subject(NamedTuple):
    """What a visit calls."""

    call: Callable[[], object]
    """One forward pass, done when it returns."""
    batch: int
    """Images in one call."""
    rough_ms: float
    """A first look at one call."""
    launch: Callable[[], object]
    """One forward pass that on a GPU is not waited for."""
    note: str
    """What else is to be known about the model; empty where nothing is."""


def prepare(model: nn.Module, example: Tensor, *, device: torch.device, settings: LatencySettings) -> Subject:
    """Build the deployed form of a model and call it four times.

    Args:
        model: Left as it is: mode, device, dtype and hooks.
        example: Input, shape (batch, ...), on any device; repeated or cut to the batch of the settings.
        device: Where it is measured.
        settings: The form it is measured in.

    Raises:
        MeasurementError: If the model cannot be copied, fails, moves itself, or is slower than the limit.
    """
    if example.ndim < 1 or example.shape[0] < 1:
        raise ConfigError(f"an example has the shape (batch, ...), got {tuple(example.shape)}")
    _check_has_values("the example", [example])
    _check_has_values(type(model).__name__, [*model.parameters(), *model.buffers()])
    images = placed(example, device=device, settings=settings)
    times_ms: list[float] = []
    with collecting_output() as printed:
        form = deployed(model, example, device=device, settings=settings)
        launch = _attempt(model, "before the first call", lambda: ENGINES[settings.engine](form, images))
        call = _synchronised(launch, device)
        for number in (1, 2, 3, 4):
            times_ms.append(_attempt(model, f"on call {number}", lambda: time_once(call)))
            if number > 1 and times_ms[-1] > settings.max_call_seconds * 1e3:
                raise MeasurementError(
                    f"one call of {type(model).__name__} took {times_ms[-1] / 1e3:.1f} s, the limit is "
                    f"{settings.max_call_seconds:g} s; raise max_call_seconds or use a smaller input"
                )
    _check_place(form, device)
    return Subject(
        call=call,
        launch=launch,
        batch=images.shape[0],
        rough_ms=min(times_ms[1:]),
        note="prints in its forward pass" if printed else "",
    )


def deployed(
    model: nn.Module, example: Tensor, *, device: torch.device, settings: LatencySettings
) -> nn.Module:
    """Return the form of a model that is deployed, hence measured; the model itself is left as it is.

    In eval mode, branches merged and batch norms folded, in the memory format and dtype of the settings, on
    the device.

    Raises:
        MeasurementError: If the model cannot be copied or does not run.
    """
    try:
        form = copy.deepcopy(model).eval().to("cpu", torch.float32)
    except Exception as error:
        raise MeasurementError(
            f"{type(model).__name__} cannot be copied: {type(error).__name__}: {error}; keep tensors with a "
            f"gradient history and open files out of its attributes"
        ) from error
    if settings.fold:
        try:
            form = inference_form(form, _plain(example[:1]))
        except Exception as error:
            raise call_failure(type(model).__name__, "on the first call", error) from error
        _check_place(form, torch.device("cpu"))
    memory_format = MEMORY_FORMATS[settings.memory_format]
    form = form.to(device, DTYPES[settings.dtype], memory_format=memory_format)  # type: ignore[call-overload]
    return form.requires_grad_(requires_grad=False)


def placed(example: Tensor, *, device: torch.device, settings: LatencySettings) -> Tensor:
    """Return the input that is timed: the example at the batch, dtype and memory format of the settings."""
    batch = settings.batch or example.shape[0]
    repeats = -(-batch // example.shape[0])
    images = example.detach().repeat(repeats, *(1 for _ in example.shape[1:]))[:batch].to(device)
    if images.is_floating_point():
        images = images.to(DTYPES[settings.dtype])
    if images.ndim == 4:
        images = images.contiguous(memory_format=MEMORY_FORMATS[settings.memory_format])
    return images


def call_failure(name: str, when: str, error: Exception) -> MeasurementError:
    """Say in one line that a model failed while it was measured."""
    cause = str(error).strip().partition("\n")[0]
    return MeasurementError(
        f"{name} failed {when}: {type(error).__name__}: {cause}; "
        f"it must accept the example given, any number of times"
    )


def _check_has_values(name: str, tensors: Sequence[Tensor]) -> None:
    if any(tensor.is_meta for tensor in tensors):
        raise MeasurementError(
            f"{name} is on the meta device, where there is nothing to time; build it on the cpu"
        )


def _check_place(form: nn.Module, device: torch.device) -> None:
    astray = {str(tensor.device) for tensor in form.parameters() if tensor.device.type != device.type}
    if astray:
        raise MeasurementError(
            f"{type(form).__name__} moved itself to {', '.join(astray)} while measured on {device}; "
            f"take the move out of its forward pass"
        )


def _plain(example: Tensor) -> Tensor:
    images = example.detach().to("cpu")
    return images.to(torch.float32) if images.is_floating_point() else images


def _synchronised(call: Callable[[], object], device: torch.device) -> Callable[[], object]:
    if device.type != "cuda":
        return call

    def call_and_wait() -> None:
        call()
        torch.cuda.synchronize(device)

    return call_and_wait


def _attempt(model: nn.Module, when: str, action: Callable[[], T]) -> T:
    try:
        return action()
    except MillinetError:
        raise
    except Exception as error:
        raise call_failure(type(model).__name__, when, error) from error
