"""What samplers share that choose a whole network before Optuna asks for its parameters."""

from typing import Any

import optuna
from optuna.distributions import BaseDistribution
from optuna.samplers import BaseSampler
from optuna.trial import FrozenTrial


class WholeSampler(BaseSampler):
    """Answers parameter by parameter, as the conditions unfold, for the network chosen in `before_trial`."""

    def __init__(self) -> None:
        self._chosen: dict[int, dict[str, Any]] = {}
        """Parameters of the chosen network by the number of its trial."""

    def infer_relative_search_space(
        self, study: optuna.Study, trial: FrozenTrial
    ) -> dict[str, BaseDistribution]:
        """Return nothing: no parameters are drawn together."""
        return {}

    def sample_relative(
        self, study: optuna.Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """Return nothing, as the relative space is empty."""
        return {}

    def sample_independent(
        self, study: optuna.Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:
        """Answer one parameter of the network that was chosen."""
        return self._chosen[trial.number][param_name]
