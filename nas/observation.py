"""What a search knows of a candidate, whatever space it comes from."""

from collections.abc import Hashable, Mapping
from typing import NamedTuple


class Description(NamedTuple):
    """What the surrogates see of a candidate."""

    key: Hashable
    """Equal for candidates that are the same network."""
    choices: Mapping[str, Hashable]
    """The active choices by name; a name that is absent is inactive. Numbers are ordered, the rest is not."""
    features: tuple[float, ...]
    """Cheap evidence such as log-MACs, finite, in any scale."""
    function: Hashable = None
    """Equal for networks that compute the same function, where the space can tell; training one is enough."""


class Observation(NamedTuple):
    """What is known of a candidate so far."""

    description: Description
    log_latency: float | None = None
    """Logarithm of its measured latency in ms; None while it is only proposed."""
    loss: float | None = None
    """What the search minimises; None where it was not trained."""
    is_proposed: bool = True
    """Whether it was a candidate; False where it was only measured to learn the latency of the space."""
    doubt: float = 0.0
    """How far the machine's noise alone carries its interval above it, as a fraction."""
    evidence: tuple[float, ...] = ()
    """What it said of itself before training, one number a proxy; empty where it was not asked."""
