"""Where the time of one network goes: each layer's share of a pass, and whether the shares add up."""

from collections.abc import Callable
from functools import partial
from statistics import median
from typing import Any, Final, NamedTuple

import torch
from torch import Tensor, nn

from millinet.device import resolve_device, using_threads
from millinet.latency.settings import LatencySettings
from millinet.latency.subject import deployed, placed
from millinet.latency.timer import collector_held, now_ms, time_once, warm_up

NUM_PASSES: Final = 15
"""Passes a share is the median of."""
TOLERANCE: Final = 0.05
"""Difference between the layers' sum and the whole that is worth a note, as a fraction."""


class LayerTime(NamedTuple):
    """One leaf module's part of a pass."""

    name: str
    kind: str
    """Class of the module."""
    time_ms: float
    """Median over the passes, of all its calls in one pass."""
    share: float
    """Fraction of the end-to-end time."""
    parameters: int


class LayerProfile(NamedTuple):
    """The layers of one network as deployed, and how far to trust them."""

    layers: list[LayerTime]
    """In the order of their first call; batch norms that were folded are gone."""
    end_to_end_ms: float
    """Median of whole passes without anything attached."""
    sum_ms: float
    """Sum over the layers."""
    note: str
    """What the sum leaves out or adds; empty where both agree to 5%."""


def layer_profile(
    model: nn.Module,
    example: Tensor,
    *,
    device: str | torch.device | None = "cpu",
    settings: LatencySettings | None = None,
) -> LayerProfile:
    """Time every leaf module of the deployed form, in passes that alternate with untouched ones.

    A guide to where time goes, not a verdict: hooks cost a microsecond or two a layer, and on a GPU each
    layer is waited for.

    Args:
        model: Left as it is.
        example: Input, shape (batch, ...), on any device.
        device: cpu, cuda, cuda:N; None or "auto" takes a GPU where there is one.
        settings: The form that is timed; None takes the defaults.

    Raises:
        MeasurementError: If the model does not run.
    """
    form_settings = settings or LatencySettings()
    target = resolve_device(device)
    with using_threads(form_settings.threads if target.type == "cpu" else None), torch.inference_mode():
        form = deployed(model, example, device=target, settings=form_settings)
        images = placed(example, device=target, settings=form_settings)
        finish = _finish(target)
        laps: dict[str, list[float]] = {}
        whole: list[float] = []
        warm_up(lambda: (form(images), finish()), seconds=0.05)
        with collector_held():
            for _ in range(NUM_PASSES):
                whole.append(time_once(lambda: (form(images), finish())))
                _timed_pass(form, images, laps, finish)
    return _profile(form, laps, median(whole))


class _Stopwatch:
    """Hooks on every leaf of a module that add up the time each spends in one pass."""

    def __init__(self, form: nn.Module, finish: Callable[[], None]) -> None:
        self.spent_ms: dict[str, float] = {}
        self._finish = finish
        self._started_ms = 0.0
        leaves = [(name, module) for name, module in form.named_modules() if not module._modules]
        self._handles = [module.register_forward_pre_hook(self._start) for _, module in leaves]
        self._handles += [module.register_forward_hook(partial(self._stop, name)) for name, module in leaves]

    def remove(self) -> None:
        """Take the hooks off."""
        for handle in self._handles:
            handle.remove()

    def _start(self, *_: Any) -> None:
        self._finish()
        self._started_ms = now_ms()

    def _stop(self, name: str, *_: Any) -> None:
        self._finish()
        self.spent_ms[name] = self.spent_ms.get(name, 0.0) + now_ms() - self._started_ms


def _timed_pass(
    form: nn.Module, images: Tensor, laps: dict[str, list[float]], finish: Callable[[], None]
) -> None:
    """Add each leaf's time in one pass to `laps`."""
    stopwatch = _Stopwatch(form, finish)
    try:
        form(images)
    finally:
        stopwatch.remove()
    for name, time_ms in stopwatch.spent_ms.items():
        laps.setdefault(name, []).append(time_ms)


def _profile(form: nn.Module, laps: dict[str, list[float]], end_to_end_ms: float) -> LayerProfile:
    modules = dict(form.named_modules())
    layers = [
        LayerTime(
            name=name or type(form).__name__,
            kind=type(modules[name]).__name__,
            time_ms=median(times),
            share=median(times) / end_to_end_ms,
            parameters=sum(parameter.numel() for parameter in modules[name].parameters()),
        )
        for name, times in laps.items()
        if not isinstance(modules[name], nn.Identity)
    ]
    sum_ms = sum(layer.time_ms for layer in layers)
    gap = sum_ms / end_to_end_ms - 1.0
    note = ""
    if abs(gap) > TOLERANCE:
        what = "hooks and waiting add the rest" if gap > 0 else "the rest is outside leaf modules"
        note = f"the layers sum to {sum_ms:.4g} ms, {100 * (1 + gap):.0f}% of the whole; {what}"
    return LayerProfile(layers, end_to_end_ms, sum_ms, note)


def _finish(device: torch.device) -> Callable[[], None]:
    if device.type == "cuda":
        return lambda: torch.cuda.synchronize(device)
    return lambda: None
