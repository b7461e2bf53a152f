"""A latency budget: what a user may write, what it means, and how a relative one becomes milliseconds."""

import re
from dataclasses import asdict, dataclass, field, replace
from math import isfinite
from typing import TYPE_CHECKING, Any, Final, Self

from millinet.errors import BudgetSyntaxError, ConfigError
from millinet.latency.settings import DTYPES

if TYPE_CHECKING:
    from torch import Tensor, nn

    from millinet.latency.meter import LatencyMeter

UNITS_MS: Final = {"us": 1e-3, "ms": 1.0, "s": 1e3}
QUANTILES: Final = {"p50": 0.50, "p95": 0.95, "p99": 0.99}

_EXAMPLES: Final = (
    "write for example 2ms, p95<=3ms, 2ms@batch=8,dtype=bf16,device=cuda:0, 0.5x or 0.5x:resnet50"
)
_NUMBER: Final = r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?"
_FORM: Final = re.compile(
    rf"(?:(?P<quantile>p\d+)\s*<=\s*)?"
    rf"(?:(?P<ratio>{_NUMBER})x(?::(?P<reference>[^=@\s]+))?"
    rf"|(?P<limit>{_NUMBER})\s*(?P<unit>[a-zA-Zµ]*))"
    rf"(?:@(?P<terms>\S+))?"
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Budget:
    """A limit on one quantile of the latency, absolute or relative to a reference network."""

    limit_ms: float | None = None
    """The limit in milliseconds; None for a relative budget that has not been resolved on a device."""
    ratio: float | None = None
    """Fraction of the reference's latency; None for an absolute budget."""
    reference: str | None = None
    """The network a ratio refers to, as a model source; None means the model at hand."""
    quantile: str = "p50"
    """Which quantile must be within the limit: p50, p95 or p99."""
    batch: int | None = None
    """Images in one call; None leaves it to the settings."""
    dtype: str | None = None
    """fp32, bf16 or fp16; None leaves it to the settings."""
    device: str | None = None
    """Device it holds on; None leaves it to the caller."""
    text: str = field(default="", compare=False, repr=False)
    """As the user wrote it; empty for a budget made in code."""

    def __post_init__(self) -> None:
        if self.limit_ms is None and self.ratio is None:
            raise BudgetSyntaxError(f"a budget needs a limit or a ratio; {_EXAMPLES}")
        for kind, value in (("limit", self.limit_ms), ("ratio", self.ratio)):
            if value is not None and not (isfinite(value) and value > 0):
                raise BudgetSyntaxError(
                    f"the {kind} of a budget must be positive, got {value:g}; {_EXAMPLES}"
                )
        if self.quantile not in QUANTILES:
            raise BudgetSyntaxError(
                f"a budget limits {', '.join(QUANTILES)}, got {self.quantile!r}; {_EXAMPLES}"
            )
        if self.dtype is not None and self.dtype not in DTYPES:
            raise BudgetSyntaxError(f"dtype is {' or '.join(DTYPES)}, got {self.dtype!r}; {_EXAMPLES}")
        if self.batch is not None and self.batch < 1:
            raise BudgetSyntaxError(f"batch must be at least 1, got {self.batch}; {_EXAMPLES}")

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a budget such as `2ms`, `p95<=3ms`, `2ms@batch=8,device=cuda:0`, `0.5x` or `0.5x:resnet50`.

        Raises:
            BudgetSyntaxError: If it is anything else; the message shows the forms.
        """
        found = _FORM.fullmatch(text.strip())
        if found is None:
            raise BudgetSyntaxError(f"cannot read the latency budget {text!r}; {_EXAMPLES}")
        given = {"quantile": found["quantile"] or "p50", "text": text.strip(), **_terms(found["terms"], text)}
        if found["ratio"] is not None:
            return cls(ratio=float(found["ratio"]), reference=found["reference"], **given)
        unit = found["unit"].replace("µ", "u")
        if unit not in UNITS_MS:
            problem = f"unknown unit {unit!r}" if unit else "a number without a unit"
            raise BudgetSyntaxError(f"cannot read the latency budget {text!r}: {problem}; {_EXAMPLES}")
        return cls(limit_ms=float(found["limit"]) * UNITS_MS[unit], **given)

    def __str__(self) -> str:
        """Write the budget as the user did; `parse` gives it back, a ratio without its milliseconds."""
        if self.text:
            return self.text
        limit = f"{self.limit_ms!r}ms"
        if self.ratio is not None:
            limit = f"{self.ratio!r}x" + ("" if self.reference is None else f":{self.reference}")
        quantile = "" if self.quantile == "p50" else f"{self.quantile}<="
        terms = ",".join(
            f"{name}={value}"
            for name, value in (("batch", self.batch), ("dtype", self.dtype), ("device", self.device))
            if value is not None
        )
        return quantile + limit + (f"@{terms}" if terms else "")

    @property
    def is_resolved(self) -> bool:
        """Whether the limit is known in milliseconds."""
        return self.limit_ms is not None

    def resolve(
        self, example: "Tensor", *, meter: "LatencyMeter", model: "nn.Module | None" = None
    ) -> "Budget":
        """Turn a relative budget into milliseconds by measuring its reference; an absolute one is unchanged.

        From then on the meter compares what it judges by this budget with the reference itself. A relative
        budget that has its milliseconds already, as in a resumed run, keeps them.

        Args:
            example: Input, shape (batch, channels, height, width).
            meter: Measures the reference, on the device and with the settings of everything judged later.
            model: The model at hand, for `0.5x`; a named reference is built from its name.

        Raises:
            ConfigError: If the ratio refers to the model at hand and there is none.
            MeasurementError: If the reference cannot be measured.
        """
        if self.ratio is None:
            return self
        if self.reference is not None:
            model = _build_reference(self.reference, example)
        limit_ms = self.limit_ms
        if limit_ms is None:
            if model is None:
                raise ConfigError(
                    f"{self} is relative to a model and none is given; name one as in 0.5x:resnet50"
                )
            limit_ms = float(f"{self.ratio * _base_ms(model, example, meter, self.quantile):.4g}")
        resolved = replace(self, limit_ms=limit_ms)
        if model is not None:
            meter.compare_with(model, example, budget=resolved)
        return resolved

    def as_dict(self) -> dict[str, Any]:
        """Return the fields as JSON types; `Budget(**fields)` is the budget again."""
        return asdict(self)


def _terms(text: str | None, whole: str) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for term in (text or "").split(",") if text else []:
        name, separator, value = term.partition("=")
        if not separator or not value or name not in ("batch", "dtype", "device") or name in found:
            raise BudgetSyntaxError(f"cannot read {term!r} in the latency budget {whole!r}; {_EXAMPLES}")
        found[name] = value
    if "batch" in found:
        if not found["batch"].isdecimal():
            raise BudgetSyntaxError(f"batch must be a whole number, got {found['batch']!r}; {_EXAMPLES}")
        found["batch"] = int(found["batch"])
    return found


def _base_ms(model: "nn.Module", example: "Tensor", meter: "LatencyMeter", quantile: str) -> float:
    """Measure what a ratio refers to; a tail takes as many visits as it needs."""
    for measured in meter.visits(model, example):
        base_ms = measured.median_ms if quantile == "p50" else measured.tail(quantile).estimate
    if base_ms is None:
        raise ConfigError(
            f"{measured.num_calls} calls of the reference do not bound its {quantile}; give milliseconds"
        )
    return base_ms


def _build_reference(source: str, example: "Tensor") -> "nn.Module":
    from millinet.models import load_model  # here, because models builds on what measures nothing

    spec = source if ":" in source or "/" in source else f"network:{source}"
    channels, height, width = example.shape[1:]
    return load_model(spec, in_channels=channels, resolution=(height, width)).model
