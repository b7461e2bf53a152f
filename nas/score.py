"""What a user's own objective may return, and what it may not."""

from math import isfinite
from typing import Any, NamedTuple

from millinet.errors import MillinetError


class EvaluationError(MillinetError):
    """An objective returned something that is no score."""


class Score(NamedTuple):
    """What a candidate is worth."""

    value: float
    """Higher is better, in any scale; finite."""
    latency_ms: float | None = None
    """Its latency, where the objective measured it itself."""


def read_score(returned: Any) -> Score:
    """Read what an objective returned: a number, anything of one element such as a tensor, or a `Score`.

    Raises:
        EvaluationError: If it is nothing of the kind; the message says what it was.
    """
    if isinstance(returned, Score):
        latency_ms = None if returned.latency_ms is None else _number(returned.latency_ms, "a latency_ms of")
        if latency_ms is not None and latency_ms <= 0.0:
            raise EvaluationError(f"evaluate returned a latency of {latency_ms:g} ms; it must be positive")
        return Score(_number(returned.value, "a value of"), latency_ms)
    return Score(_number(returned, ""))


def _number(returned: Any, what: str) -> float:
    told = f"evaluate returned {what} ".rstrip()
    way_out = "return one finite number, higher is better"
    if returned is None:
        raise EvaluationError(f"{told} None; {way_out}")
    if isinstance(returned, str | bytes):
        raise EvaluationError(f"{told} the text {returned!r}; {way_out}")
    # A loss still on its graph is a number all the same; torch would warn of it.
    detached = returned.detach() if hasattr(returned, "detach") else returned
    try:
        number = float(detached)
    except (TypeError, ValueError, OverflowError, RuntimeError) as error:
        raise EvaluationError(f"{told} {_kind(returned)}; {way_out}") from error
    if not isfinite(number):
        raise EvaluationError(f"{told} {number}; {way_out}")
    return number


def _kind(returned: Any) -> str:
    shape = getattr(returned, "shape", None)
    name = type(returned).__name__
    return f"a {name}" if shape is None else f"a {name} of shape {tuple(shape)}"
