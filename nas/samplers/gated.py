"""The default sampler: candidates predicted to meet the budget, none twice, the most promising first."""

from math import log
from typing import Any, NamedTuple

import numpy as np
import optuna
from optuna.trial import FixedTrial, FrozenTrial, TrialState

from nas.objectives import blend, losses_of
from nas.observation import Description, Observation
from nas.probes import Probe, probes_of
from nas.promise import PromiseConfig
from nas.proposal import Proposer, SpaceExhaustedError
from nas.records import CANDIDATE, DOUBT, EVIDENCE, ROW
from nas.samplers.context import SamplerContext
from nas.samplers.whole import WholeSampler
from nas.second_look import SecondLook
from search_spaces import Point, Points

Known = tuple[Point, Observation]


class Told(NamedTuple):
    """What a finished trial said."""

    point: Point
    description: Description
    log_latency: float | None
    doubt: float
    losses: list[float] | None
    evidence: tuple[float, ...]


class GatedSampler(WholeSampler):
    """Lets Optuna run `nas.proposal`.

    Before a trial the whole architecture is chosen, from everything the study holds; Optuna then asks for its
    parameters one by one. The random numbers of a trial depend on the seed and the trial's number alone, so a
    resumed search proposes what an uninterrupted one would have.
    """

    def __init__(self, context: SamplerContext) -> None:
        super().__init__()
        self._context = context
        self._points = Points(context.space)
        promise = PromiseConfig(num_startup=max(4, min(20, context.num_trials // 3)))
        self._proposer: Proposer[Point] = Proposer(
            draw=self._points.draw,
            edit=self._points.edit,
            describe=self._describe,
            log_limit=log(context.limit_ms),
            promise=promise,
        )
        self._second_look = None if context.evidence is None else SecondLook(self._score, promise)
        self._told: dict[int, Told] = {}
        self._probes: list[Known] = []

    def before_trial(self, study: optuna.Study, trial: FrozenTrial) -> None:
        """Choose the architecture of a trial, unless it was enqueued."""
        if (enqueued := trial.system_attrs.get("fixed_params")) is not None:
            self._keep_evidence(study, trial, enqueued)
            return
        rng = np.random.default_rng([self._context.seed, trial.number])
        history = self._history(study, trial.number, rng)
        try:
            chosen = self._proposer.propose(history, rng, second_look=self._second_look)
        except SpaceExhaustedError:
            # Optuna opened this trial before it asked, and nobody else will close it.
            study.tell(trial.number, state=TrialState.FAIL)
            raise
        self._chosen[trial.number] = self._points.params(chosen)
        self._keep_evidence(study, trial, self._chosen[trial.number])

    def _history(self, study: optuna.Study, current: int, rng: np.random.Generator) -> list[Known]:
        told = [
            self._read(trial)
            for trial in study.get_trials(deepcopy=False)
            if trial.number != current and self._is_whole(trial)
        ]
        losses = blend([one.losses for one in told], rng)
        known = [
            (
                one.point,
                Observation(one.description, one.log_latency, loss, doubt=one.doubt, evidence=one.evidence),
            )
            for one, loss in zip(told, losses, strict=True)
        ]
        if not self._probes:
            self._probes = [self._probed(probe) for probe in probes_of(study)]
        return self._probes + known

    def _is_whole(self, trial: FrozenTrial) -> bool:
        """Tell whether all parameters of a trial are known: its worker may be choosing them, or have died."""
        is_known = trial.number in self._told or trial.number in self._chosen
        return is_known or ROW in trial.user_attrs or CANDIDATE in trial.user_attrs

    def _read(self, trial: FrozenTrial) -> Told:
        # A long study is read for every proposal, so a finished trial is read once.
        if trial.number in self._told:
            return self._told[trial.number]
        is_finished = trial.state.is_finished()
        params = trial.params if is_finished else self._chosen.get(trial.number, trial.params)
        row = trial.user_attrs.get(ROW, {})
        latency_ms = row.get("latency_ms")
        point = self._points.locate(params)
        told = Told(
            point,
            self._describe(point),
            None if latency_ms is None else log(latency_ms),
            trial.user_attrs.get(DOUBT, 0.0),
            losses_of(row, self._context.objectives),
            tuple(trial.user_attrs.get(EVIDENCE, {}).values()),
        )
        if is_finished:
            self._told[trial.number] = told
            self._chosen.pop(trial.number, None)
        return told

    def _probed(self, probe: Probe) -> Known:
        point = self._points.locate(probe.params)
        return point, Observation(
            self._describe(point), log(probe.latency_ms), is_proposed=False, doubt=probe.doubt
        )

    def _score(self, point: Point) -> tuple[float, ...] | None:
        return self._evidence_of(self._points.params(point))

    def _evidence_of(self, params: dict[str, Any]) -> tuple[float, ...] | None:
        evidence = self._context.evidence
        return None if evidence is None else evidence(self._context.space.suggest(FixedTrial(params)))

    def _keep_evidence(self, study: optuna.Study, trial: FrozenTrial, params: dict[str, Any]) -> None:
        """Put what a candidate says of itself into its trial, where any worker finds it."""
        evidence = self._context.evidence
        if evidence is not None and (scores := self._evidence_of(params)) is not None:
            told = dict(zip(evidence.names, scores, strict=True))
            # Optuna 5.0 has no public way to an attribute of a trial that is only being opened.
            study._storage.set_trial_user_attr(trial._trial_id, EVIDENCE, told)

    def _describe(self, point: Point) -> Description:
        return Description(point, self._points.choices(point), self._points.log_costs(point))
