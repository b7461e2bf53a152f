"""What a sampler may know of the search it proposes for."""

from dataclasses import dataclass

from nas.evidence import Evidence
from search_spaces import SearchSpace


@dataclass(frozen=True, kw_only=True, slots=True)
class SamplerContext:
    """The search as a sampler sees it."""

    seed: int
    """Seed of everything random in it."""
    space: SearchSpace
    """Where candidates come from."""
    limit_ms: float
    """The latency budget in milliseconds."""
    num_trials: int
    """Finished trials the search will end with."""
    num_told: int
    """Trials already in the study, so that a resumed sampler does not repeat its first proposals."""
    objectives: tuple[str, ...] = ("accuracy",)
    """What is optimised, as `nas.OBJECTIVES` names it."""
    evidence: Evidence | None = None
    """What untrained networks say of themselves; None where nobody asks them."""
