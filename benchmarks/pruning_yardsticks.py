"""What makes two pruned networks equally fast: their measured latency, or their multiply-adds."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, Final, Protocol

from torch import Tensor, nn

from benchmarks.pruning_others import JUDGING, in_turn
from compress.config import PruneOptions
from millinet.costs import count
from millinet.latency import LatencyMeter, LatencySettings
from millinet.latency.folding import inference_form
from millinet.latency.measurement import UNFIT

MAX_SOUGHT_VISITS: Final = 12
"""Visits of a network on the way to the channel ratio that is sought; nine are tried for one."""


class Yardstick(Protocol):
    """A quantity that pruned networks are brought to alike."""

    aim: float
    """Fraction of the target at which networks pruned by a channel ratio are aimed."""

    def share(self, model: nn.Module, full: nn.Module, example: Tensor) -> float:
        """Return what a model has of the quantity of the unpruned one."""
        ...

    def asked(self, ratio: float) -> PruneOptions:
        """Ask `compress.prune` for a fraction of what the unpruned model has."""
        ...

    def judged(self, models: Mapping[str, nn.Module], example: Tensor) -> dict[str, dict[str, Any]]:
        """Return what each model comes to beside "full", and whether it may be compared."""
        ...


class ByLatency:
    """Measured latency: the ratio to the unpruned network, called beside, from which drifts cancel."""

    # Ours are aimed there too, just under the limit.
    aim = 0.98

    def __init__(self, meter: LatencyMeter) -> None:
        self.meter = meter

    def share(self, model: nn.Module, full: nn.Module, example: Tensor) -> float:
        """Return the ratio of the medians."""
        with self._beside(full, example, max_visits=MAX_SOUGHT_VISITS) as meter:
            return meter.measure(model, example).ratio

    def asked(self, ratio: float) -> PruneOptions:
        """Ask for a fraction of the latency."""
        return {"latency_ratio": ratio}

    def judged(self, models: Mapping[str, nn.Module], example: Tensor) -> dict[str, dict[str, Any]]:
        """Measure all models visit by visit in turn; what "full" is off from one says what that is worth."""
        with self._beside(models["full"], example, **JUDGING) as judge:
            found = in_turn(judge, models, example)
        return {
            name: {
                "latency_ms": measured.median_ms,
                "share_of_full": measured.ratio,
                "share_interval": [measured.ratio_low, measured.ratio_high],
                "num_visits": measured.num_visits,
                "status": measured.status,
                "is_fit": measured.status not in UNFIT,
                "macs": count(models[name], example).macs,
            }
            for name, measured in found.items()
        }

    def _beside(self, full: nn.Module, example: Tensor, **settings: Any) -> LatencyMeter:
        """Make a meter that compares everything with the unpruned network as it is deployed."""
        deployed = inference_form(full, example)
        return LatencyMeter(
            self.meter.device, replace(self.meter.settings, **settings), reference=(deployed, example)
        )


class ByMacs:
    """Multiply-adds: exact on any machine, however busy, and no promise of speed."""

    aim = 1.0

    def share(self, model: nn.Module, full: nn.Module, example: Tensor) -> float:
        """Return the ratio of the multiply-adds."""
        return count(model, example).macs / count(full, example).macs

    def asked(self, ratio: float) -> PruneOptions:
        """Ask for a fraction of the multiply-adds."""
        return {"macs_ratio": ratio}

    def judged(self, models: Mapping[str, nn.Module], example: Tensor) -> dict[str, dict[str, Any]]:
        """Count all models."""
        return {
            name: {
                "macs": count(model, example).macs,
                "share_of_full": self.share(model, models["full"], example),
                "is_fit": True,
            }
            for name, model in models.items()
        }


@contextmanager
def yardstick(name: str, *, device: str, dtype: str) -> Iterator[Yardstick]:
    """Open the yardstick called "latency" or "macs"."""
    if name == "macs":
        yield ByMacs()
        return
    with LatencyMeter(device, LatencySettings(dtype=dtype)) as meter:
        yield ByLatency(meter)
