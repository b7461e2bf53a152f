"""The default sampler: candidates predicted to meet the budget, none twice, the most promising first."""

from math import log
from typing import Any

import numpy as np
import optuna
from optuna.distributions import BaseDistribution
from optuna.samplers import BaseSampler
from optuna.trial import FixedTrial, FrozenTrial, TrialState

from nas.candidate import log_macs
from nas.objectives import blend, losses_of
from nas.probes import Probe, probes_of
from nas.proposal import Description, Observation, ProposalConfig, Proposer, SpaceExhaustedError
from nas.records import CANDIDATE, ROW
from nas.samplers.context import SamplerContext
from search_spaces import Architecture

Known = tuple[Architecture, Observation]

_MOST_REMEMBERED = 50_000
"""Descriptions of candidates that were only considered; each proposal considers about a thousand."""


class GatedSampler(BaseSampler):
    """Lets Optuna run `nas.proposal`.

    Before a trial the whole architecture is chosen, from everything the study holds; Optuna then asks for its
    parameters one by one. The random numbers of a trial depend on the seed and the trial's number alone, so a
    resumed search proposes what an uninterrupted one would have.
    """

    def __init__(self, context: SamplerContext) -> None:
        self._context = context
        self._space = context.space
        self._proposer: Proposer[Architecture] = Proposer(
            draw=self._space.sample,
            edit=self._edit,
            describe=self._describe,
            log_limit=log(context.limit_ms),
            config=ProposalConfig(num_startup=max(4, min(20, context.num_trials // 3))),
        )
        self._chosen: dict[int, dict[str, Any]] = {}
        self._described: dict[str, Description] = {}
        self._tried: dict[int, tuple[Architecture, Description]] = {}

    def before_trial(self, study: optuna.Study, trial: FrozenTrial) -> None:
        """Choose the architecture of a trial, unless it was enqueued."""
        if "fixed_params" in trial.system_attrs:
            return
        rng = np.random.default_rng([self._context.seed, trial.number])
        history = self._history(study, trial.number, rng)
        try:
            chosen = self._proposer.propose(history, rng)
        except SpaceExhaustedError:
            # Optuna opened this trial before it asked, and nobody else will close it.
            study.tell(trial.number, state=TrialState.FAIL)
            raise
        self._chosen[trial.number] = self._space.params(chosen)

    def infer_relative_search_space(
        self, study: optuna.Study, trial: FrozenTrial
    ) -> dict[str, BaseDistribution]:
        """Return nothing: parameters are answered one by one, as the conditions unfold."""
        return {}

    def sample_relative(
        self, study: optuna.Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """Return nothing, as the relative space is empty."""
        return {}

    def sample_independent(
        self, study: optuna.Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:
        """Answer one parameter of the architecture that was chosen."""
        return self._chosen[trial.number][param_name]

    def _history(self, study: optuna.Study, current: int, rng: np.random.Generator) -> list[Known]:
        rows = [
            (trial, trial.user_attrs.get(ROW, {}))
            for trial in study.get_trials(deepcopy=False)
            if trial.number != current and self._is_whole(trial)
        ]
        losses = blend([losses_of(row, self._context.objectives) for _, row in rows], rng)
        known = [
            self._observed(trial, row.get("latency_ms"), loss=loss)
            for (trial, row), loss in zip(rows, losses, strict=True)
        ]
        return [self._probed(probe) for probe in probes_of(study)] + known

    def _is_whole(self, trial: FrozenTrial) -> bool:
        """Tell whether all parameters of a trial are known: its worker may be choosing them, or have died."""
        return ROW in trial.user_attrs or CANDIDATE in trial.user_attrs or trial.number in self._chosen

    def _observed(self, trial: FrozenTrial, latency_ms: float | None, *, loss: float | None) -> Known:
        # A long study is read for every proposal, so what a trial tried is worked out once.
        if trial.number not in self._tried:
            is_told = trial.state.is_finished()
            params = trial.params if is_told else self._chosen.get(trial.number, trial.params)
            architecture = self._space.suggest(FixedTrial(params))
            self._tried[trial.number] = (architecture, self._describe(architecture))
        architecture, description = self._tried[trial.number]
        log_latency = None if latency_ms is None else log(latency_ms)
        return architecture, Observation(description, log_latency, loss)

    def _probed(self, probe: Probe) -> Known:
        architecture = self._space.suggest(FixedTrial(probe.params))
        description = self._describe(architecture)
        return architecture, Observation(description, log(probe.latency_ms), is_proposed=False)

    def _describe(self, architecture: Architecture) -> Description:
        key = architecture.fingerprint
        if len(self._described) > _MOST_REMEMBERED:
            self._described.clear()
        if key not in self._described:
            params = self._space.params(architecture)
            self._described[key] = Description(key, params, (log_macs(architecture),))
        return self._described[key]

    def _edit(self, architecture: Architecture, rng: np.random.Generator) -> Architecture:
        return self._space.mutate(architecture, rng)
