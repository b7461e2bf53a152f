"""How a latency is measured: the form of the model, and when to stop."""

from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any, Final, Self

import torch

from millinet.errors import ConfigError
from millinet.latency.engines import ENGINES
from millinet.statistics import check_confidence
from millinet.tables import pick

if TYPE_CHECKING:
    from millinet.latency.budget import Budget

DTYPES: Final = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}
MEMORY_FORMATS: Final = {"channels_last": torch.channels_last, "contiguous": torch.contiguous_format}


@dataclass(frozen=True, kw_only=True, slots=True)
class LatencySettings:
    """The deployed form that is measured, and how long to go on measuring it."""

    confidence: float = 0.95
    """Coverage of the interval, a fraction; it holds whenever the measurement stops."""
    dtype: str = "fp32"
    """Type of weights and input: fp32, bf16 or fp16."""
    batch: int | None = None
    """Images in one call; None takes the example's."""
    memory_format: str = "channels_last"
    """channels_last or contiguous."""
    fold: bool = True
    """Whether batch norms are folded into the layer before them."""
    engine: str = "torch"
    """torch, compile or onnxruntime."""
    threads: int = 1
    """Intra-op threads on a CPU."""
    calls_per_block: int = 5
    """Timed calls in one block; more where a call is so short that the block would be under a millisecond."""
    max_visits: int = 25
    """Visits after which a measurement stops undecided."""
    half_width: float = 0.02
    """Half-width of the ratio's interval at which a measurement without a budget stops, a fraction."""
    gap_seconds: float = 0.1
    """Pause between visits where nothing else fills it."""
    max_seconds: float = 30.0
    """Time spent in calls of the model after which a measurement stops undecided."""
    max_call_seconds: float = 10.0
    """A model slower than this is refused."""

    def __post_init__(self) -> None:
        check_confidence(self.confidence)
        pick("dtype", self.dtype, DTYPES)
        pick("memory format", self.memory_format, MEMORY_FORMATS)
        pick("engine", self.engine, ENGINES)
        for name in ("threads", "calls_per_block", "max_visits"):
            if getattr(self, name) < 1:
                raise ConfigError(f"{name} must be at least 1, got {getattr(self, name)}")
        if self.batch is not None and self.batch < 1:
            raise ConfigError(f"batch must be at least 1, got {self.batch}")
        if not 0 < self.half_width < 1:
            raise ConfigError(f"half_width is a fraction in (0, 1), got {self.half_width}; 2 percent is 0.02")
        for name in ("max_seconds", "max_call_seconds"):
            if not getattr(self, name) > 0:
                raise ConfigError(f"{name} must be positive, got {getattr(self, name)}")
        if not self.gap_seconds >= 0:
            raise ConfigError(f"gap_seconds must not be negative, got {self.gap_seconds}")

    def as_dict(self) -> dict[str, Any]:
        """Return the fields as JSON types."""
        return asdict(self)

    def under(self, budget: "Budget | None") -> Self:
        """Return these settings with the batch and dtype a budget asks for."""
        if budget is None:
            return self
        return replace(self, batch=budget.batch or self.batch, dtype=budget.dtype or self.dtype)
