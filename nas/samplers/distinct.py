"""Any sampler, kept from proposing a network that the study has already.

A sampler answers parameter by parameter, and only the last answer tells that the network is known. So the
whole of them is asked for before the trial begins; what is known gives way to the fewest edits that lead to
what is not. The sampler learns from what was tried, as from trials that were enqueued.
"""

from collections import deque
from collections.abc import Container, Sequence
from copy import copy
from typing import Any, Final

import numpy as np
import optuna
from optuna.distributions import BaseDistribution, CategoricalChoiceType, CategoricalDistribution
from optuna.samplers import BaseSampler
from optuna.trial import FrozenTrial, TrialState

from nas.proposal import SpaceExhaustedError
from nas.records import CANDIDATE
from nas.samplers.context import SamplerContext
from nas.samplers.whole import WholeSampler
from search_spaces import Architecture, SearchSpace

_MOST_VISITED: Final = 10_000
"""Networks looked at for one that is not known."""


class DistinctSampler(WholeSampler):
    """Lets another sampler propose, each network once.

    Args:
        sampler: Who proposes.
        context: The search.
    """

    def __init__(self, sampler: BaseSampler, context: SamplerContext) -> None:
        super().__init__()
        self.sampler = sampler
        self._space, self._seed = context.space, context.seed
        self._settled: dict[int, str] = {}

    def before_trial(self, study: optuna.Study, trial: FrozenTrial) -> None:
        """Choose the network of a trial, unless it was enqueued."""
        self.sampler.before_trial(study, trial)
        if "fixed_params" in trial.system_attrs:
            return
        wanted = self._space.suggest(_Rehearsal(self.sampler, study, trial))
        rng = np.random.default_rng([self._seed, trial.number])
        found = nearest_unknown(wanted, self._space, self._known(study, trial.number), rng)
        if found is None:
            # Optuna opened this trial before it asked, and nobody else will close it.
            study.tell(trial.number, state=TrialState.FAIL)
            raise SpaceExhaustedError(
                f"all {len(self._settled)} candidates of the space that were found have been proposed; "
                f"enlarge the space or ask for fewer trials"
            )
        self._chosen[trial.number] = self._space.params(found)

    def sample_independent(
        self, study: optuna.Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:
        """Answer one parameter of the network that was chosen; what was enqueued, the sampler completes."""
        if trial.number not in self._chosen:
            return self.sampler.sample_independent(study, trial, param_name, param_distribution)
        return super().sample_independent(study, trial, param_name, param_distribution)

    def after_trial(
        self, study: optuna.Study, trial: FrozenTrial, state: TrialState, values: Sequence[float] | None
    ) -> None:
        """Let the sampler look at a trial that ends."""
        self._chosen.pop(trial.number, None)
        try:
            self.sampler.after_trial(study, trial, state, values)
        except RuntimeError as error:
            # One that has tried everything stops the study, which Optuna 5.0 refuses outside of `optimize`. A
            # search ends when a proposal finds nothing.
            if "Study.stop" not in str(error):
                raise

    def reseed_rng(self) -> None:
        """Give the sampler other random numbers, as Optuna asks of it in a thread of its own."""
        self.sampler.reseed_rng()

    def _known(self, study: optuna.Study, current: int) -> set[str]:
        """Return the fingerprints of what was proposed before, finished or in hand."""
        for trial in study.get_trials(deepcopy=False):
            if trial.number not in self._settled and trial.number != current:
                proposed = trial.user_attrs.get(CANDIDATE)
                if proposed is not None:
                    self._settled[trial.number] = proposed
        return set(self._settled.values())


def nearest_unknown(
    wanted: Architecture, space: SearchSpace, known: Container[str], rng: np.random.Generator
) -> Architecture | None:
    """Return what is wanted, or the fewest edits from it what is not known; None where all is.

    Of a space of more than ten thousand known networks not all need be looked at.

    Args:
        wanted: A point of the space.
        space: Where edits lead.
        known: Fingerprints of networks.
        rng: Chooses among those equally near.
    """
    met = {wanted.fingerprint}
    nearest = deque([wanted])
    while nearest:
        one = nearest.popleft()
        if one.fingerprint not in known:
            return one
        if len(met) < _MOST_VISITED:
            fresh = {near.fingerprint: near for near in space.neighbours(one, rng)}
            nearest.extend(near for key, near in fresh.items() if key not in met)
            met |= fresh.keys()
    return None


class _Rehearsal:
    """Asks a sampler as Optuna would for a trial, and leaves the trial as it is."""

    def __init__(self, sampler: BaseSampler, study: optuna.Study, trial: FrozenTrial) -> None:
        self._sampler, self._study = sampler, study
        self._trial = copy(trial)
        # Some samplers find their way by what the trial was answered so far.
        self._trial.params, self._trial.distributions = {}, {}
        offered = sampler.infer_relative_search_space(study, self._trial)
        self._together = sampler.sample_relative(study, self._trial, offered)

    def suggest_categorical(
        self, name: str, choices: Sequence[CategoricalChoiceType]
    ) -> CategoricalChoiceType:
        distribution = CategoricalDistribution(choices)
        if name in self._together:
            value = self._together[name]
        else:
            value = self._sampler.sample_independent(self._study, self._trial, name, distribution)
        self._trial.params[name], self._trial.distributions[name] = value, distribution
        return value
