"""Choose a network: search a space for the most accurate one inside a latency budget."""

from nas.conditions import Conditions
from nas.config import SearchConfig
from nas.explore import Explored
from nas.explorer import Explorer, Trial
from nas.latency_model import LatencyModel
from nas.objectives import OBJECTIVES
from nas.samplers import SAMPLERS, GatedSampler, SamplerContext
from nas.score import EvaluationError, Score
from nas.search import SearchResult, search

__all__ = [
    "OBJECTIVES",
    "SAMPLERS",
    "Conditions",
    "EvaluationError",
    "Explored",
    "Explorer",
    "GatedSampler",
    "LatencyModel",
    "SamplerContext",
    "Score",
    "SearchConfig",
    "SearchResult",
    "Trial",
    "search",
]
