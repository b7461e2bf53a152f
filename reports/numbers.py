"""Numbers as a reader wants them: with a unit, and with no more digits than are known."""

import math
from typing import Any

import pandas as pd


def is_missing(value: Any) -> bool:
    """Tell whether a cell of a frame holds nothing."""
    return value is None or bool(pd.isna(value)) or value == ""


def significant(value: float, digits: int = 3) -> str:
    """Round to significant digits, without an exponent and without dropping zeros that are known."""
    if value == 0 or not math.isfinite(value):
        return f"{value:g}"
    decimals = max(digits - 1 - math.floor(math.log10(abs(value))), 0)
    return f"{value:,.{decimals}f}"


def milliseconds(value: float) -> str:
    """Write a latency, such as `0.412 ms`."""
    return "-" if is_missing(value) else f"{significant(value)} ms"


def milliseconds_between(low: float, high: float) -> str:
    """Write the interval of a latency, with as many digits as tell its ends apart."""
    if is_missing(low) or is_missing(high):
        return ""
    digits = 3
    while digits < 6 and low != high and significant(low, digits) == significant(high, digits):
        digits += 1
    return f"{significant(low, digits)} to {significant(high, digits)} ms"


def percent(value: float, decimals: int = 1) -> str:
    """Write a fraction as a percentage, such as `98.1%`."""
    return "-" if is_missing(value) else f"{100 * value:.{decimals}f}%"


def percent_between(low: float, high: float) -> str:
    """Write the interval of a fraction."""
    return "" if is_missing(low) or is_missing(high) else f"{100 * low:.1f} to {100 * high:.1f}%"


def points(value: float) -> str:
    """Write a difference of fractions in percentage points, signed."""
    return "-" if is_missing(value) else f"{100 * value:+.1f} points"


def count(value: float) -> str:
    """Write a large count, such as `1.23 M`; below ten thousand every digit is shown."""
    if is_missing(value):
        return "-"
    for limit, unit in ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e4, "k")):
        if abs(value) >= limit:
            return f"{significant(value / (1e3 if unit == 'k' else limit))} {unit}"
    return f"{int(value):,}"


def counted(number: Any, word: str, plural: str = "") -> str:
    """Write how many there are of something: `1 layer`, `3 classes`."""
    return f"1 {word}" if number == 1 else f"{number} {plural or word + 's'}"


def duration(seconds: float) -> str:
    """Write a time span in its two largest units, such as `3 min 20 s`."""
    if is_missing(seconds):
        return "-"
    if seconds < 60:
        return f"{significant(seconds, 2)} s" if seconds < 10 else f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s" if rest else f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if minutes else f"{hours} h"


def budget(text: str, limit_ms: float) -> str:
    """Write a limit with the quantile it holds for, where that is not the median: `3.00 ms at p95`."""
    limit = milliseconds(limit_ms)
    return f"{limit} at p95" if isinstance(text, str) and text.startswith("p95") else limit
