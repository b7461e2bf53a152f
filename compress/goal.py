"""What a pruning has to reach: a quantity that can be measured, a limit, and a price that predicts it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final, NamedTuple

from torch import Tensor, nn

from compress.allocation import Cost, Price
from compress.channels import MIXING
from compress.config import PruneConfig
from compress.latency_table import LatencyTable
from compress.layers import Layer, Width, sides
from compress.reading import Reading
from millinet.costs import count, count_parameters
from millinet.errors import ConfigError
from millinet.latency import Budget, LatencyMeasurement, LatencyMeter

TIMED_AIM: Final = 0.98
"""Between the lowest hit, 0.975, and 0.983, under which fresh processes can tell that a network meets its
budget: among three of them the half-width is at least 1.7%."""
COUNTED_AIM: Final = 0.999
"""What is counted is known before it is measured, but for what no layer accounts for."""


class Pricing(NamedTuple):
    """Predicts a quantity from the widths of the layers."""

    price: Price
    """A layer's share of it."""
    fixed: float = 0.0
    """What no width changes."""


@dataclass(frozen=True, kw_only=True)
class Goal:
    """A limit on one quantity."""

    quantity: str
    """latency, macs, parameters or channels."""
    unit: str
    """What follows a value of it: " ms", or nothing."""
    full: Reading
    """The quantity of the unpruned model."""
    limit: float
    """What the pruned model may have of it."""
    measure: Callable[[nn.Module, float | None], Reading]
    """Takes a model and the limit it is judged by, or None to read it closely; reads anew on every call."""
    price: Callable[[nn.Module, Sequence[Layer]], "Pricing"]
    """Takes the model at hand and its layers; returns what predicts the quantity, up to a factor."""
    aim: float = TIMED_AIM
    """Where a value is aimed at first, as a fraction of the limit."""

    def at(self, fraction: float) -> "Goal":
        """Return the goal part of the way there; equal fractions shrink by equal factors."""
        return replace(self, limit=self.full.value * (self.limit / self.full.value) ** fraction)

    def __str__(self) -> str:
        return f"{self.quantity} of {self.limit:.4g}{self.unit}"


class Stopwatch:
    """Measures models with one meter, and remembers what it found."""

    def __init__(self, meter: LatencyMeter, example: Tensor) -> None:
        self.meter = meter
        self.example = example
        self._found: list[tuple[nn.Module, LatencyMeasurement]] = []
        self._table: LatencyTable | None = None

    def price(self, model: nn.Module, layers: Sequence[Layer]) -> Pricing:
        """Predict the latency of `model` at other widths from a table of single layers."""
        self._table = self._table or LatencyTable(self.meter)
        price = self._table.price(model, self.example, layers, self.of(model).median_ms)
        return Pricing(price, price.fixed)

    def measure(self, model: nn.Module, budget: Budget | None = None) -> LatencyMeasurement:
        """Measure a model anew.

        Args:
            model: Left as it is.
            budget: Resolved budget it is judged by: a clear verdict saves most visits. None measures until
                the interval is narrow.
        """
        self._found.append((model, self.meter.measure(model, self.example, budget=budget)))
        return self._found[-1][1]

    def of(self, model: nn.Module) -> LatencyMeasurement:
        """Return the latest measurement of a model, taking it now if there is none."""
        for known, measurement in reversed(self._found):
            if known is model:
                return measurement
        return self.measure(model)


def budget_of(config: PruneConfig) -> Budget | None:
    """Return the latency budget asked for, if latency is what limits.

    Raises:
        BudgetSyntaxError: If the budget is text that cannot be read.
    """
    if config.latency_ratio is not None:
        return Budget(ratio=config.latency_ratio)
    if isinstance(config.budget, str):
        return Budget.parse(config.budget)
    return config.budget


def paper_goal(model: nn.Module, example: Tensor, config: PruneConfig) -> Goal:
    """Make the goal of a pruning to a fraction of what is counted, not timed."""
    for ratio, quantity, measure, price in (
        (config.macs_ratio, "macs", lambda pruned: float(count(pruned, example).macs), macs_price),
        (config.params_ratio, "parameters", lambda pruned: float(count_parameters(pruned)), parameters_price),
        (config.channel_ratio, "channels", _count_channels, channels_price),
    ):
        if ratio is not None:
            full = measure(model)
            return Goal(
                quantity=quantity,
                unit="",
                full=Reading.counted(full),
                limit=ratio * full,
                measure=_counting(measure),
                price=_always(price),
                aim=COUNTED_AIM,
            )
    raise ConfigError("a goal on paper is macs_ratio, params_ratio or channel_ratio")


def latency_goal(model: nn.Module, budget: Budget, stopwatch: Stopwatch) -> tuple[Goal, Budget]:
    """Make the goal of a pruning to a measured latency, and resolve a relative budget."""
    base = stopwatch.measure(model)
    is_own_median = budget.reference is None and budget.quantile == "p50"
    if budget.ratio is not None and budget.limit_ms is None and is_own_median:
        # Its own measurement is at hand, and a second one would differ from it by noise.
        budget = replace(budget, limit_ms=budget.ratio * base.median_ms)
    resolved = budget.resolve(stopwatch.example, meter=stopwatch.meter, model=model)
    if resolved.limit_ms is None:
        raise ConfigError(f"the budget {budget} has no limit in milliseconds; write for example 2ms")

    def measure(smaller: nn.Module, limit_ms: float | None) -> Reading:
        # On the way down, step by step, the limit is not yet that of the budget.
        judged = None if limit_ms is None else replace(resolved, limit_ms=limit_ms)
        return Reading.timed(stopwatch.measure(smaller, judged), resolved)

    goal = Goal(
        quantity="latency",
        unit=" ms",
        full=Reading.timed(base, resolved),
        limit=resolved.limit_ms,
        measure=measure,
        price=stopwatch.price,
    )
    return goal, resolved


def _counting(count_of: Callable[[nn.Module], float]) -> Callable[[nn.Module, float | None], Reading]:
    def read(model: nn.Module, _: float | None) -> Reading:
        return Reading.counted(count_of(model))

    return read


def _always(price: Price) -> Callable[[nn.Module, Sequence[Layer]], Pricing]:
    def priced(_: nn.Module, __: Sequence[Layer]) -> Pricing:
        return Pricing(price)

    return priced


def macs_price(layer: Layer, num_in: Width, num_out: Width) -> Cost:
    """Count the multiply-adds of a layer at other widths."""
    share_in = 1.0 if layer.is_grouped else num_in / layer.num_in
    return layer.macs * share_in * num_out / layer.num_out


def parameters_price(layer: Layer, num_in: Width, num_out: Width) -> Cost:
    """Count the parameters of a layer at other widths."""
    share_in = 1.0 if layer.is_grouped else num_in / layer.num_in
    return layer.parameters * share_in * num_out / layer.num_out


def channels_price(layer: Layer, num_in: Width, num_out: Width) -> Cost:
    """Count the outputs of a layer that mixes channels."""
    del num_in
    return 0.0 if layer.is_carrying else 1.0 * num_out


def _count_channels(model: nn.Module) -> float:
    return float(sum(sides(module)[1] for module in model.modules() if isinstance(module, MIXING)))
