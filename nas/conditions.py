"""How a search is run, which decides nothing of what it finds."""

from dataclasses import dataclass, field

from millinet.errors import ConfigError
from nas.patience import Patience


@dataclass(frozen=True, kw_only=True, slots=True)
class Conditions:
    """How trials are worked on; may differ from one resumption, and from one worker, to the next."""

    storage: str | None = None
    """Address of the storage that workers share; None keeps the study in a file of the run folder."""
    study: str | None = None
    """Name of the study there; None takes the run folder's."""
    num_workers: int = 1
    """Processes of this machine that work on trials."""
    is_isolated: bool = False
    """Work on each candidate in a process of its own, so that one which hangs or crashes costs its trial
    alone.

    A program that asks for it needs the usual `if __name__ == "__main__":`, and its own blocks in plug-in
    files.
    """
    silence_seconds: float = 1800.0
    """Time without a word from an isolated candidate, not even an epoch, after which it is stopped."""
    max_seconds: float | None = None
    """Time from the search's start after which no trial begins, save the first; the winners come after. A
    trial in hand is finished. None goes on until all trials are."""
    heartbeat_seconds: float = 10.0
    """Time between two signs of life of a trial in hand."""
    grace_seconds: float = 60.0
    """Silence after which a trial's worker counts as gone."""
    max_retries: int = 2
    """Times a candidate is given to another worker after it was lost with one."""
    max_repeats: int = 1
    """Times a candidate that failed is tried again, measurement and all, before that becomes its result;
    one that cannot be built, diverges or hangs is not."""
    idle_seconds: float = 0.5
    """Time between two looks at the study while other workers have the last trials in hand; it grows to
    twenty times as much."""
    patience: Patience = field(default_factory=Patience)
    """How long the storage may be away."""

    def __post_init__(self) -> None:
        if self.num_workers < 1:
            raise ConfigError(f"workers must be at least 1, got {self.num_workers}")
        if not self.silence_seconds > 0.0:
            raise ConfigError(f"trial_timeout must be positive seconds, got {self.silence_seconds}")
        if self.max_seconds is not None and not self.max_seconds > 0.0:
            raise ConfigError(f"max_seconds must be positive, got {self.max_seconds}; None sets no end")
        if not 0.0 < 2.0 * self.heartbeat_seconds <= self.grace_seconds:
            raise ConfigError(
                f"the grace period must hold at least two heartbeats, got {self.grace_seconds:g} s "
                f"for one every {self.heartbeat_seconds:g} s"
            )
