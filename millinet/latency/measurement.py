"""What a measurement says: an interval, a status, and a verdict against a budget; never a single number."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from math import log
from statistics import fmean, median
from typing import Any, Final, Self

from millinet.device import DeviceInfo
from millinet.errors import ConfigError
from millinet.latency.budget import QUANTILES, Budget
from millinet.latency.estimate import across_processes
from millinet.latency.settings import LatencySettings
from millinet.provenance import commit, utc_now, versions
from millinet.statistics import QuantileInterval, order_statistic_interval

SEVERITY: Final = ("ok", "noisy", "throttled", "contended")
"""Statuses from fit to unfit; a combination is as unfit as its worst part."""
UNFIT: Final = frozenset({"throttled", "contended"})
"""Statuses under which there is no verdict."""


@dataclass(frozen=True, kw_only=True, slots=True)
class LatencyMeasurement:
    """A latency with its interval and everything needed to repeat it. Times are in milliseconds."""

    median_ms: float
    """Estimate of a typical call: ratio to the reference times the reference's time."""
    low_ms: float
    """Lower end of its interval."""
    high_ms: float
    """Upper end of its interval."""
    wall_median_ms: float
    """Median of the calls as the clock read them, disturbed ones included."""
    ratio: float
    """Latency over that of the reference."""
    ratio_low: float
    """Lower end of its interval."""
    ratio_high: float
    """Upper end of its interval."""
    reference: str
    """Name of the reference network."""
    reference_ms: float
    """Its time on this device."""
    reference_error: float = 0.0
    """Standard error of that time, a fraction; 0 where the budget is relative to the reference."""
    num_calls: int
    """Timed calls of the model."""
    num_visits: int
    """Visits, apart in time."""
    num_processes: int = 1
    """Fresh processes measured."""
    confidence: float
    """Coverage the intervals claim, a fraction."""
    status: str
    """ok, noisy, throttled or contended."""
    share_undisturbed: float
    """Fraction of calls nothing disturbed."""
    doubt: float = 0.0
    """Part of the half-width that further visits cannot take away, a fraction; 0 on a calm machine."""
    device_ms: float | None = None
    """Time between GPU events around the launch; None on a CPU."""
    graph_ms: float | None = None
    """Time of a CUDA-graph replay; None on a CPU, or where the network cannot be captured."""
    energy_mj: float | None = None
    """Energy of one call at the board, in millijoules; None on a CPU, or where the board counts none."""
    note: str = ""
    """What else was noticed."""
    device: DeviceInfo
    """The device, as it was."""
    settings: LatencySettings
    """The settings, with the batch that was measured."""
    calls_ms: tuple[float, ...] = field(repr=False)
    """Every single call, scaled by the reference's pace in its visit; the tail is read off these."""
    time: str = field(default_factory=utc_now)
    """UTC, ISO 8601."""

    @property
    def p95_ms(self) -> float | None:
        """95th percentile of single calls; None where calls are too few."""
        return self.tail("p95").estimate

    @property
    def p95_low_ms(self) -> float | None:
        """Lower bound of the 95th percentile."""
        return self.tail("p95").low

    @property
    def p95_high_ms(self) -> float | None:
        """Upper bound of the 95th percentile; None where calls are too few."""
        return self.tail("p95").high

    @property
    def half_width(self) -> float:
        """Half the interval over the estimate, a fraction."""
        return (self.high_ms - self.low_ms) / 2 / self.median_ms

    @property
    def sampling_error(self) -> float:
        """Half-width of the ratio's interval that further visits could narrow, a fraction."""
        return log(self.ratio_high / self.ratio_low) / 2 - self.doubt

    def tail(self, quantile: str) -> QuantileInterval:
        """Return p50, p95 or p99 of single calls with bounds; None where calls are too few to bound it."""
        return order_statistic_interval(self.calls_ms, QUANTILES[quantile], confidence=self.confidence)

    def verdict(self, budget: Budget) -> str:
        """Judge by the interval: "meets", "fails", or "undecided" if it spans the limit or is unfit.

        Raises:
            ConfigError: If the budget is relative and unresolved, or for another batch or dtype.
        """
        if budget.limit_ms is None:
            raise ConfigError(f"the budget {budget} is relative; call resolve() on it first")
        for name in ("batch", "dtype"):
            asked, measured = getattr(budget, name), getattr(self.settings, name)
            if asked is not None and asked != measured:
                raise ConfigError(
                    f"the budget {budget} is for {name} {asked}, this was measured at {measured}"
                )
        if self.status in UNFIT:
            return "undecided"
        low, high = self.low_ms, self.high_ms
        if budget.quantile != "p50":
            bounds = self.tail(budget.quantile)
            low = 0.0 if bounds.low is None else bounds.low
            high = float("inf") if bounds.high is None else bounds.high
        if high <= budget.limit_ms:
            return "meets"
        return "fails" if low > budget.limit_ms else "undecided"

    def hindered(self, hindrances: Iterable[str]) -> Self:
        """Return the measurement with the worst of its own status and those given; empty ones say nothing."""
        return replace(self, status=max(filter(None, (self.status, *hindrances)), key=SEVERITY.index))

    def row(
        self, *, model: str = "", fingerprint: str = "", budget: Budget | None = None, **costs: Any
    ) -> dict[str, Any]:
        """Return a row for `frames.LATENCY`.

        Args:
            model: Name of the model.
            fingerprint: Hash of its architecture, where it has one.
            budget: Resolved budget it is judged by.
            costs: parameters, macs and memory_mib where they are known.
        """
        form = self.settings
        return {
            "model": model,
            "fingerprint": fingerprint,
            "latency_ms": self.median_ms,
            "latency_low_ms": self.low_ms,
            "latency_high_ms": self.high_ms,
            "latency_p95_ms": self.p95_ms,
            "latency_p99_ms": self.tail("p99").estimate,
            "wall_median_ms": self.wall_median_ms,
            "device_ms": self.device_ms,
            "graph_ms": self.graph_ms,
            "energy_mj": self.energy_mj,
            "reference": self.reference,
            "ratio": self.ratio,
            "ratio_low": self.ratio_low,
            "ratio_high": self.ratio_high,
            "share_undisturbed": self.share_undisturbed,
            "confidence": self.confidence,
            "num_visits": self.num_visits,
            "num_calls": self.num_calls,
            "num_processes": self.num_processes,
            "budget_ms": None if budget is None else budget.limit_ms,
            "verdict": None if budget is None else self.verdict(budget),
            "status": self.status,
            "cause": self.note or None,
            "engine": form.engine,
            "device": self.device.device,
            "device_name": self.device.name,
            "driver": self.device.driver,
            "threads": self.device.threads,
            "clock_mhz": self.device.clock_mhz,
            "dtype": form.dtype,
            "batch": form.batch,
            "memory_format": form.memory_format,
            "folded": form.fold,
            "torch": versions()["torch"],
            "commit": commit(),
            "time": self.time,
            **costs,
        }

    def as_dict(self) -> dict[str, Any]:
        """Return every field and the p95 with its bounds as JSON types; `from_dict` reads it back."""
        found = asdict(self)
        found["calls_ms"] = list(self.calls_ms)
        return {
            **found,
            "p95_ms": self.p95_ms,
            "p95_low_ms": self.p95_low_ms,
            "p95_high_ms": self.p95_high_ms,
        }

    @classmethod
    def from_dict(cls, found: dict[str, Any]) -> Self:
        """Read back what `as_dict` gave."""
        known = {one.name: found[one.name] for one in fields(cls)}
        known["device"] = DeviceInfo(**known["device"])
        known["settings"] = LatencySettings(**known["settings"])
        known["calls_ms"] = tuple(known["calls_ms"])
        return cls(**known)


def combine(parts: Sequence[LatencyMeasurement]) -> LatencyMeasurement:
    """Combine measurements of one model from several fresh processes; the interval holds their spread.

    Raises:
        ConfigError: If there is none.
    """
    if not parts:
        raise ConfigError("there is no measurement to combine")
    first = parts[0]
    doubt = max(part.doubt for part in parts)
    latency = across_processes(
        [part.median_ms for part in parts],
        confidence=first.confidence,
        pace_error=fmean(part.reference_error for part in parts),
        doubt=doubt,
    )
    reference_ms = fmean(part.reference_ms for part in parts)
    notes = dict.fromkeys(part.note for part in parts if part.note)
    return LatencyMeasurement(
        median_ms=latency.estimate,
        low_ms=latency.low,
        high_ms=latency.high,
        wall_median_ms=median(part.wall_median_ms for part in parts),
        ratio=latency.estimate / reference_ms,
        ratio_low=latency.low / reference_ms,
        ratio_high=latency.high / reference_ms,
        reference=first.reference,
        reference_ms=reference_ms,
        reference_error=max(part.reference_error for part in parts),
        num_calls=sum(part.num_calls for part in parts),
        num_visits=sum(part.num_visits for part in parts),
        num_processes=sum(part.num_processes for part in parts),
        confidence=first.confidence,
        status=max((part.status for part in parts), key=SEVERITY.index),
        share_undisturbed=fmean(part.share_undisturbed for part in parts),
        doubt=doubt,
        note="; ".join(notes),
        device=first.device,
        settings=first.settings,
        calls_ms=tuple(ms for part in parts for ms in part.calls_ms),
    )
