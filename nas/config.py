"""What decides a search, in one typed object."""

from dataclasses import dataclass

from millinet.errors import ConfigError
from millinet.tables import pick
from nas.fidelity import STOPPING
from nas.objectives import check_objectives
from nas.proxies import check_proxies


@dataclass(frozen=True, kw_only=True, slots=True)
class SearchConfig:
    """Settings of a search; two runs with equal settings, data and device propose the same candidates."""

    num_trials: int = 24
    """Finished trials in all, over every resumption; candidates over the budget count, they cost little."""
    sampler: str = "gated"
    """Name in `nas.SAMPLERS`."""
    num_probes: int = 32
    """Untrained networks measured first, to learn the latency of the space; only `gated` uses them."""
    proxies: tuple[str, ...] = ()
    """Training-free proxies by which the most promising candidates are compared before one is tried, names in
    `nas.proxies.PROXIES`; only `gated` looks at them."""
    objectives: tuple[str, ...] = ("accuracy",)
    """Names in `nas.OBJECTIVES`, accuracy first; with several the search looks for their front."""
    seed: int = 0
    """Seed of the data split, the sampler and the training."""
    recipe: str = "quick"
    """Training recipe of a trial."""
    final_recipe: str = "full"
    """Training recipe of a winner."""
    num_winners: int = 2
    """Networks trained to the final recipe, certified and kept."""
    num_final_seeds: int = 1
    """Times each finalist is trained, each from its own seed; winners are ranked by the worst of them."""
    stopping: str = "median"
    """When a trial is stopped early: a name in `nas.fidelity.STOPPING` (median, halving, none)."""
    device: str | None = None
    """Where to train and measure; None takes the device of the budget, else a GPU if there is one."""
    confidence: float = 0.95
    """Coverage of every interval, in (0, 1)."""

    def __post_init__(self) -> None:
        for name, value in (
            ("num_trials", self.num_trials),
            ("num_winners", self.num_winners),
            ("num_final_seeds", self.num_final_seeds),
        ):
            if value < 1:
                raise ConfigError(f"{name} must be at least 1, got {value}")
        check_objectives(self.objectives)
        check_proxies(self.proxies, self.sampler)
        pick("stopping rule", self.stopping, STOPPING)
        if not 0.5 <= self.confidence < 1.0:
            raise ConfigError(f"confidence must be in [0.5, 1), got {self.confidence}; 95 percent is 0.95")
        if self.seed < 0:
            raise ConfigError(f"seed must not be negative, got {self.seed}")
