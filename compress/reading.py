"""What is known of a quantity of a model: its value, and the interval it lies in."""

from typing import NamedTuple, Self

from millinet.latency import Budget, LatencyMeasurement
from millinet.latency.measurement import UNFIT


class Reading(NamedTuple):
    """A value with its interval; both ends are the value where it is counted and not timed."""

    value: float
    low: float
    high: float
    is_fit: bool = True
    """Whether the machine was fit to measure; without it nothing is certain."""

    @classmethod
    def counted(cls, value: float) -> Self:
        """Make the reading of what is known exactly."""
        return cls(value, value, value)

    @classmethod
    def timed(cls, measured: LatencyMeasurement, budget: Budget | None = None) -> Self:
        """Read what a budget limits off a measurement, in milliseconds.

        Args:
            measured: A latency.
            budget: Says which quantile; None reads the median.
        """
        is_fit = measured.status not in UNFIT
        if budget is None or budget.quantile == "p50":
            return cls(measured.median_ms, measured.low_ms, measured.high_ms, is_fit)
        tail = measured.tail(budget.quantile)
        # Too few calls to bound a tail still show one: the slowest.
        slowest = max(measured.calls_ms)
        return cls(
            slowest if tail.estimate is None else tail.estimate,
            0.0 if tail.low is None else tail.low,
            float("inf") if tail.high is None else tail.high,
            is_fit,
        )

    @property
    def margin(self) -> float:
        """How far the upper end lies above the value, as a fraction of it."""
        return self.high / self.value - 1.0

    def meets(self, limit: float) -> bool:
        """Whether the whole interval is within the limit."""
        return self.is_fit and self.high <= limit

    def is_below(self, other: "Reading") -> bool:
        """Whether it is certainly lower: both are fit and the intervals do not overlap."""
        return self.is_fit and other.is_fit and self.high < other.low

    def told(self, unit: str) -> str:
        """Say the value, and the interval where there is one."""
        told = in_words(self.value, unit)
        return told if self.low == self.high else f"{told} [{self.low:.4g}, {self.high:.4g}]"


def in_words(value: float, unit: str) -> str:
    """Write a quantity for a person; what has no unit is counted."""
    return f"{value:.4g}{unit}" if unit else f"{value:,.0f}"
