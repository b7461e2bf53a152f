"""Choose a network: search a space for the most accurate one inside a latency budget."""

from nas.config import SearchConfig
from nas.samplers import SAMPLERS, GatedSampler, SamplerContext
from nas.search import SearchResult, search

__all__ = ["SAMPLERS", "GatedSampler", "SamplerContext", "SearchConfig", "SearchResult", "search"]
