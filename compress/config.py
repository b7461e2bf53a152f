"""How a model is pruned: to what, by which criterion, and what is left alone."""

from dataclasses import dataclass
from typing import Final, TypedDict

from millinet.errors import ConfigError
from millinet.latency import Budget, LatencySettings

TARGETS: Final = ("budget", "latency_ratio", "macs_ratio", "params_ratio", "channel_ratio")
"""The fields of which exactly one is given."""


class PruneOptions(TypedDict, total=False):
    """The fields of `PruneConfig`, as keywords of `prune`."""

    budget: Budget | str | None
    latency_ratio: float | None
    macs_ratio: float | None
    params_ratio: float | None
    channel_ratio: float | None
    criterion: str
    allocation: str | None
    steps: int
    protect: tuple[str, ...]
    round_to: int | None
    min_channels: int
    max_removed: float
    max_tries: int
    remove_blocks: bool
    device: str
    latency: LatencySettings | None


@dataclass(frozen=True, kw_only=True, slots=True)
class PruneConfig:
    """Settings of one pruning. Every ratio says what stays: 0.3 leaves three tenths."""

    budget: Budget | str | None = None
    """Latency to come under, such as "2ms" or "0.5x"."""
    latency_ratio: float | None = None
    """Fraction of the model's own latency to come under, in (0, 1)."""
    macs_ratio: float | None = None
    """Fraction of the multiply-adds that stays, in (0, 1)."""
    params_ratio: float | None = None
    """Fraction of the parameters that stays, in (0, 1)."""
    channel_ratio: float | None = None
    """Fraction of the channels that stays, in (0, 1)."""
    criterion: str = "l2"
    """A name in `CRITERIA`."""
    allocation: str | None = None
    """A name in `ALLOCATIONS`; None takes uniform for a channel ratio and knapsack for everything else."""
    steps: int = 1
    """Rounds of pruning and recovery on the way to the target; 1 is one-shot."""
    protect: tuple[str, ...] = ()
    """Modules whose output width stays, as in `model.named_modules()`."""
    round_to: int | None = None
    """Widths are multiples of this; None takes 8 on an accelerator and, on a CPU, a step by width up to 8."""
    min_channels: int = 4
    """Channels every group keeps at least."""
    max_removed: float = 0.9
    """Fraction of a group's channels that may go at most, in (0, 1]."""
    max_tries: int = 6
    """Prunings measured before a latency target is given up."""
    remove_blocks: bool = False
    """Whether residual blocks may go whole."""
    device: str = "cpu"
    """Device the latency is measured on."""
    latency: LatencySettings | None = None
    """How latency is measured; None takes the defaults."""

    def __post_init__(self) -> None:
        given = [name for name in TARGETS if getattr(self, name) is not None]
        if len(given) != 1:
            raise ConfigError(
                f"a pruning has exactly one target of {', '.join(TARGETS)}; "
                f"got {' and '.join(given) or 'none'}"
            )
        name = given[0]
        target = getattr(self, name)
        if name == "budget" and not isinstance(target, Budget | str):
            raise ConfigError(f"budget is text such as '2ms' or '0.5x', or a Budget, got {target!r}")
        if name != "budget" and not (isinstance(target, int | float) and 0.0 < target < 1.0):
            raise ConfigError(
                f"{name} is the fraction that stays, in (0, 1), got {target!r}; half is {name}=0.5"
            )
        if isinstance(self.protect, str):
            raise ConfigError(
                f"protect is a sequence of names, got {self.protect!r}; write [{self.protect!r}]"
            )
        if not 0.0 < self.max_removed <= 1.0:
            raise ConfigError(f"max_removed is a fraction in (0, 1], got {self.max_removed:g}")
        for field, value in (
            ("steps", self.steps),
            ("round_to", self.round_to),
            ("min_channels", self.min_channels),
            ("max_tries", self.max_tries),
        ):
            if value is not None and (not isinstance(value, int) or value < 1):
                raise ConfigError(f"{field} must be a whole number of at least 1, got {value!r}")
