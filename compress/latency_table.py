"""Predict a layer's latency at any width, from single layers timed on the device in their deployed form.

Along each side of a layer a handful of widths is timed with the other side full; in between, time is
interpolated, and the two sides are combined as a product: t(i, o) = t(i, O) t(I, o) / t(I, O). Steps that the
hardware makes, such as widths that cost the same, are in the timings. What the layers do not account for,
from activations to the interpreter, is spread over their outputs by half and constant by half. The whole is
only a prediction: what a pruning is accepted by is the measured model.
"""

import copy
import hashlib
import json
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from torch import Tensor, nn

from compress.allocation import Cost
from compress.layers import Layer, Width
from compress.surgery import narrow
from millinet.device import describe, evaluating, using_threads
from millinet.errors import RunFolderError
from millinet.files import write_text
from millinet.latency import LatencyMeter, device_lock, fold_batch_norms
from millinet.latency.subject import prepare
from millinet.latency.timer import time_calls
from millinet.latency.visit import typical_ms
from millinet.provenance import versions

FRACTIONS: Final = (1.0, 0.75, 0.5, 0.25, 0.1)
"""Widths that are timed, of the full one; rounded to eights where they are wide."""
NUM_CALLS: Final = 7
_MIN_UNDISTURBED: Final = 0.5


class LatencyTable:
    """Times layers at several widths and remembers them, per device, from one pruning to the next."""

    def __init__(self, meter: LatencyMeter, path: Path | None = None) -> None:
        """Open the table of the meter's device.

        Args:
            meter: Gives the device and the deployed form.
            path: JSON file of known timings; None takes one in the user's cache, `XDG_CACHE_HOME`.
        """
        info = describe(meter.device)
        self._meter = meter
        self._identity = info.identity
        self._path = path or _cache_file(f"{info.name} {info.identity} {info.driver}")
        self._known = _read(self._path)
        self._fresh: dict[str, float] = {}

    def price(
        self, model: nn.Module, example: Tensor, layers: Sequence[Layer], total_ms: float
    ) -> "LatencyPrice":
        """Time what is not known yet of the layers of a model, and return what predicts them at other widths.

        Args:
            model: In eval mode.
            example: An input batch, shape (batch, channels, height, width).
            layers: The layers whose widths can change.
            total_ms: Measured latency of the whole model.

        Raises:
            MeasurementError: If a layer cannot be timed.
        """
        inputs = _input_shapes(model, example)
        deployed = fold_batch_norms(model, example)
        curves = {}
        for layer in layers:
            module = deployed.get_submodule(layer.name)
            if isinstance(module, nn.Identity) or layer.name not in inputs:
                continue
            curves[layer.name] = self._curves(layer, module, inputs[layer.name])
        self._save()
        return LatencyPrice(layers, curves, total_ms)

    def _curves(self, layer: Layer, module: nn.Module, shape: tuple[int, ...]) -> "Curves":
        if layer.is_grouped:
            widths = _levels(layer.num_out)
            times = [self._time(layer, module, shape, width, width) for width in widths]
            return Curves(widths, times, [layer.num_in], [times[-1]])
        outs, ins = _levels(layer.num_out), _levels(layer.num_in)
        by_out = [self._time(layer, module, shape, layer.num_in, width) for width in outs]
        by_in = [self._time(layer, module, shape, width, layer.num_out) for width in ins]
        return Curves(outs, by_out, ins, by_in)

    def _time(
        self, layer: Layer, module: nn.Module, shape: tuple[int, ...], num_in: int, num_out: int
    ) -> float:
        resized, sized = _resized(layer, module, shape, num_in, num_out)
        key = self._key(resized, sized)
        if key not in self._known:
            self._known[key] = self._measure(key, resized, torch.zeros(sized))
        return self._known[key]

    def _measure(self, key: str, module: nn.Module, images: Tensor) -> float:
        settings = self._meter.settings
        threads = settings.threads if self._meter.device.type == "cpu" else None
        with using_threads(threads), device_lock(self._identity):
            subject = prepare(module, images, device=self._meter.device, settings=settings)
            calls = time_calls(subject.call, NUM_CALLS)
        taken = typical_ms(calls)
        if calls.share_undisturbed >= _MIN_UNDISTURBED:
            self._fresh[key] = taken
        return taken

    def _key(self, module: nn.Module, shape: tuple[int, ...]) -> str:
        settings = self._meter.settings
        form = (
            f"{settings.dtype} {settings.memory_format} {settings.engine} {settings.threads} {settings.batch}"
        )
        return f"{versions()['torch']} {form} {module} {list(shape)}"

    def _save(self) -> None:
        if not self._fresh:
            return
        try:
            write_text(self._path, json.dumps(_read(self._path) | self._fresh))
        except RunFolderError:
            # A cache that cannot be written costs time, not the pruning.
            return
        self._fresh = {}


class Curves:
    """Time of one layer along each side."""

    def __init__(
        self, outs: Sequence[int], by_out: Sequence[float], ins: Sequence[int], by_in: Sequence[float]
    ) -> None:
        self.outs, self.by_out, self.ins, self.by_in = outs, by_out, ins, by_in

    @property
    def full_ms(self) -> float:
        """Time at full width."""
        return self.by_out[-1]

    def at(self, num_in: Width, num_out: Width) -> Cost:
        """Interpolate the time at other widths, in milliseconds."""
        along_out: Cost = np.interp(num_out, self.outs, self.by_out)
        along_in: Cost = np.interp(num_in, self.ins, self.by_in)
        return along_out * along_in / self.by_in[-1]


class LatencyPrice:
    """Predicts the share of a layer in the latency of the whole model, in milliseconds."""

    def __init__(self, layers: Sequence[Layer], curves: dict[str, Curves], total_ms: float) -> None:
        accounted = sum(curve.full_ms for curve in curves.values())
        outputs = sum(layer.positions * layer.num_out for layer in layers if not layer.is_carrying)
        rest = max(0.0, total_ms - accounted)
        self.curves = curves
        self.scale = min(1.0, total_ms / accounted) if accounted > 0 else 1.0
        self.per_output = rest / 2 / max(1, outputs)
        self.fixed = rest / 2

    def __call__(self, layer: Layer, num_in: Width, num_out: Width) -> Cost:
        """Return milliseconds for a layer with that many inputs and outputs."""
        rest = 0.0 if layer.is_carrying else self.per_output * layer.positions * num_out
        curve = self.curves.get(layer.name)
        return rest if curve is None else rest + self.scale * curve.at(num_in, num_out)


def _levels(width: int) -> list[int]:
    step = 8 if width >= 32 else 1
    levels = {max(1, round(width * fraction / step) * step) for fraction in FRACTIONS[1:]}
    return sorted({level for level in levels if level < width} | {width})


def _resized(
    layer: Layer, module: Any, shape: tuple[int, ...], num_in: int, num_out: int
) -> tuple[nn.Module, tuple[int, ...]]:
    """Return the layer with other widths, and its input's shape with as many channels."""
    place = 1 if len(shape) == 4 and shape[1] == layer.num_in else len(shape) - 1
    if isinstance(module, nn.GroupNorm):
        # As many groups as there are would not divide every width, and cost the same.
        return nn.GroupNorm(1, num_out), _at(shape, place, num_out)
    if getattr(module, "groups", 1) > 1:
        per_group = layer.num_out // module.groups
        groups = max(1, num_out // per_group)
        num_out, num_in = groups * per_group, groups * (layer.num_in // module.groups)
    # Cut out of the layer itself: a class of the model's own may be built in a way that nobody else knows.
    resized = copy.deepcopy(module)
    narrow(resized, layer.name, num_in=num_in, num_out=num_out)
    return resized, _at(shape, place, num_in)


def _at(shape: tuple[int, ...], place: int, width: int) -> tuple[int, ...]:
    return (*shape[:place], width, *shape[place + 1 :])


def _input_shapes(model: nn.Module, example: Tensor) -> dict[str, tuple[int, ...]]:
    """Return the shape of what each module is given first, whole batch."""
    shapes: dict[str, tuple[int, ...]] = {}

    def recording(name: str) -> Callable[[nn.Module, Any], None]:
        def record(_: nn.Module, inputs: Any) -> None:
            if inputs and isinstance(inputs[0], Tensor):
                shapes.setdefault(name, tuple(inputs[0].shape))

        return record

    handles = [module.register_forward_pre_hook(recording(name)) for name, module in model.named_modules()]
    try:
        with evaluating(model):
            model(example)
    finally:
        for handle in handles:
            handle.remove()
    return shapes


def _cache_file(identity: str) -> Path:
    folder = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "millinet"
    return folder / f"layers-{hashlib.sha256(identity.encode()).hexdigest()[:16]}.json"


def _read(path: Path) -> dict[str, float]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    if not isinstance(found, dict):
        return {}
    return {key: ms for key, ms in found.items() if isinstance(ms, float) and ms > 0}
