"""What makes two pruned networks equally fast: their measured latency, or their multiply-adds."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Protocol

from torch import Tensor, nn

from benchmarks.pruning_others import in_turn
from compress.config import PruneOptions
from millinet.costs import count
from millinet.latency import LatencyMeter, LatencySettings
from millinet.latency.measurement import UNFIT


class Yardstick(Protocol):
    """A quantity that pruned networks are brought to alike."""

    aim: float
    """Fraction of the target at which networks pruned by a channel ratio are aimed."""

    def of(self, model: nn.Module, example: Tensor) -> float:
        """Return the quantity of one model."""
        ...

    def asked(self, full: nn.Module, example: Tensor, ratio: float) -> PruneOptions:
        """Ask `compress.prune` for a fraction of what the unpruned model has."""
        ...

    def judged(self, models: Mapping[str, nn.Module], example: Tensor) -> dict[str, dict[str, Any]]:
        """Return what each model comes to beside "full", and whether it may be compared."""
        ...


class ByLatency:
    """Measured latency: needs a machine at rest."""

    # Ours come in just under the limit, so these are aimed at the middle of that.
    aim = 0.98

    def __init__(self, meter: LatencyMeter) -> None:
        self.meter = meter

    def of(self, model: nn.Module, example: Tensor) -> float:
        """Return the median, in milliseconds."""
        return self.meter.measure(model, example).median_ms

    def asked(self, full: nn.Module, example: Tensor, ratio: float) -> PruneOptions:
        """Ask for milliseconds."""
        return {"budget": f"{ratio * self.of(full, example)!r}ms"}

    def judged(self, models: Mapping[str, nn.Module], example: Tensor) -> dict[str, dict[str, Any]]:
        """Measure all models visit by visit in turn."""
        found = in_turn(self.meter, models, example)
        return {
            name: {
                "latency_ms": measured.median_ms,
                "latency_low_ms": measured.low_ms,
                "latency_high_ms": measured.high_ms,
                "status": measured.status,
                "is_fit": measured.status not in UNFIT,
                "share_of_full": measured.median_ms / found["full"].median_ms,
                "macs": count(models[name], example).macs,
            }
            for name, measured in found.items()
        }


class ByMacs:
    """Multiply-adds: exact on any machine, however busy, and no promise of speed."""

    aim = 1.0

    def of(self, model: nn.Module, example: Tensor) -> float:
        """Return the multiply-adds of one image."""
        return float(count(model, example).macs)

    def asked(self, full: nn.Module, example: Tensor, ratio: float) -> PruneOptions:
        """Ask for a fraction of the multiply-adds."""
        del full, example
        return {"macs_ratio": ratio}

    def judged(self, models: Mapping[str, nn.Module], example: Tensor) -> dict[str, dict[str, Any]]:
        """Count all models."""
        full = self.of(models["full"], example)
        found = {name: self.of(model, example) for name, model in models.items()}
        return {
            name: {"macs": int(macs), "share_of_full": macs / full, "is_fit": True}
            for name, macs in found.items()
        }


@contextmanager
def yardstick(name: str, *, device: str, dtype: str) -> Iterator[Yardstick]:
    """Open the yardstick called "latency" or "macs"."""
    if name == "macs":
        yield ByMacs()
        return
    with LatencyMeter(device, LatencySettings(dtype=dtype)) as meter:
        yield ByLatency(meter)
