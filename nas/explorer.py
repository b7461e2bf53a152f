"""The search as a conversation: ask for a candidate, judge it as you like, tell what it is worth.

    explorer = Explorer(load_space("convnet"), limit_ms=2.0)
    for _ in range(50):
        trial = explorer.ask()
        explorer.tell(trial, my_accuracy(trial.architecture), latency_ms=my_latency(trial.architecture))
    print(explorer.best)

Several trials may be open at once; none is proposed twice. The study behind it is plain Optuna.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import optuna
import pandas as pd
from optuna.trial import FixedTrial, TrialState
from torch import nn

from millinet.errors import ConfigChangedError, ConfigError
from millinet.latency import LatencyMeasurement
from millinet.provenance import utc_now
from nas.candidate import COMPLETE, FAILED, OVER_BUDGET, PRUNED, build, describe
from nas.config import SearchConfig
from nas.fidelity import Peer, is_left_behind
from nas.ledger import latency_columns, trials_frame
from nas.objectives import directions, values_of
from nas.probes import known_networks
from nas.records import CANDIDATE, CONSTRAINT, CURVE, DOUBT, OBJECTIVE, ROW
from nas.samplers import SamplerContext, sampler_maker
from nas.score import Score, read_score
from nas.storage import finished, open_study
from search_spaces import Architecture, SearchSpace, network

_INSIDE: Final = (COMPLETE, PRUNED)

ASKED: Final = "ask and tell"
"""Name of the objective of a study that is told its values one by one."""


@dataclass(kw_only=True, slots=True)
class Trial:
    """One candidate, from the asking to the telling."""

    architecture: Architecture
    """The candidate."""
    asked: optuna.Trial
    """The trial as Optuna knows it."""
    peers: Sequence[Peer] = ()
    """Earlier candidates it is compared with."""
    curve: list[float] = field(default_factory=list)
    """Values reported so far."""
    started: str = field(default_factory=utc_now)
    """UTC, ISO 8601."""

    @property
    def number(self) -> int:
        """Number of the trial in its study."""
        return self.asked.number

    def build(self, *, seed: int = 0) -> nn.Module:
        """Make the model, (batch, channels, height, width) -> (batch, classes), by a seed of its own."""
        return build(self.architecture, seed=seed)

    def report(self, value: Any) -> bool:
        """Note the value after another epoch; tell whether its peers have left the candidate behind.

        Where the answer is True it may be given up: `tell` the value it has.

        Raises:
            EvaluationError: If the value is no finite number.
        """
        self.curve.append(read_score(value).value)
        return self.is_left_behind

    @property
    def is_left_behind(self) -> bool:
        """Whether its values are below the median of its peers at the same epoch."""
        return is_left_behind(self.curve, self.peers, latency_ms=0.0)


class Explorer:
    """Proposes points of a space, and learns from what it is told of them.

    Args:
        space: Where candidates come from.
        limit_ms: Latency budget in milliseconds; None has none.
        config: Sampler, seed, objectives and the number of trials expected.
        path: The study's file, made or continued; None keeps it in memory.
        objective: Name of what is told, kept with the study so that another is refused.

    Raises:
        ConfigError: If there is no such sampler, the limit is no positive time, or proxies are asked for.
        ConfigChangedError: If the file holds a study of another space or another objective.
    """

    def __init__(
        self,
        space: SearchSpace,
        *,
        limit_ms: float | None = None,
        config: SearchConfig | None = None,
        path: Path | None = None,
        objective: str = ASKED,
    ) -> None:
        if limit_ms is not None and not limit_ms > 0.0:
            raise ConfigError(f"limit_ms must be a positive time, got {limit_ms}; None searches without one")
        self.space, self.limit_ms = space, limit_ms
        self.config = config or SearchConfig()
        if self.config.proxies:
            raise ConfigError(
                f"proxies look at training images, and here are none, got {', '.join(self.config.proxies)}; "
                f"leave them out, or search on data"
            )
        make_sampler = sampler_maker(self.config.sampler)
        self.study = _open(path, space, self.config.objectives, objective)
        self.study.sampler = make_sampler(
            SamplerContext(
                seed=self.config.seed,
                space=space,
                limit_ms=float("inf") if limit_ms is None else limit_ms,
                num_trials=self.config.num_trials,
                num_told=len(self.study.trials),
                objectives=self.config.objectives,
            )
        )

    def enqueue(self, candidate: Architecture | str) -> None:
        """Let the next trial be this candidate: an architecture, or the name of a network of the literature.

        One that was enqueued or asked for before is not enqueued again.

        Raises:
            ConfigError: If it is no point of the space.
        """
        if isinstance(candidate, str):
            candidate = network(
                candidate,
                num_classes=self.space.num_classes,
                in_channels=self.space.in_channels,
                resolution=self.space.resolution,
            )
        self.study.enqueue_trial(self.space.params(candidate), skip_if_exists=True)

    def enqueue_known(self) -> list[str]:
        """Enqueue every named network that is a point of the space; return their names."""
        known = list(known_networks(self.space))
        for _, architecture in known:
            self.enqueue(architecture)
        return [name for name, _ in known]

    def ask(self) -> Trial:
        """Propose a candidate.

        Raises:
            SpaceExhaustedError: If none is left that was not proposed.
        """
        asked = self.study.ask()
        architecture = self.space.suggest(asked)
        # From here on the trial counts as pending: nobody proposes its candidate again.
        asked.set_user_attr(CANDIDATE, architecture.fingerprint)
        return Trial(architecture=architecture, asked=asked, peers=self._peers())

    def tell(
        self,
        trial: Trial,
        value: Any,
        *,
        latency_ms: float | None = None,
        measured: LatencyMeasurement | None = None,
    ) -> None:
        """Tell what a candidate is worth.

        Over the limit it counts as infeasible, whatever its value; its latency is learnt from.

        Args:
            trial: What `ask` returned, not told yet.
            value: One finite number, higher is better; a `Score` brings its latency.
            latency_ms: Its latency, needed where there is a limit or latency is an objective.
            measured: The latency with its interval, in place of `latency_ms`.

        Raises:
            EvaluationError: If the value is no such number; the trial stays open.
            ConfigError: If a latency is needed and there is none; the trial stays open.
        """
        score = read_score(value)
        if measured is not None:
            latency_ms = measured.median_ms
            trial.asked.set_user_attr(DOUBT, measured.doubt)
        score = Score(score.value, latency_ms if latency_ms is not None else score.latency_ms)
        needs_latency = self.limit_ms is not None or "latency" in self.config.objectives
        if score.latency_ms is None and needs_latency:
            raise ConfigError(
                f"trial {trial.number} needs its latency: tell(trial, value, latency_ms=...), "
                f"or return Score(value, latency_ms)"
            )
        if "energy" in self.config.objectives and (measured is None or measured.energy_mj is None):
            raise ConfigError(
                f"trial {trial.number} needs its energy: tell(trial, value, measured=...), measured on a GPU "
                f"whose board counts it"
            )
        is_over = self.limit_ms is not None and (score.latency_ms or 0.0) > self.limit_ms
        state = OVER_BUDGET if is_over else PRUNED if trial.is_left_behind else COMPLETE
        columns = {} if measured is None else latency_columns(measured)
        self._write(trial, state, latency=columns | {"latency_ms": score.latency_ms}, value=score.value)

    def tell_over_budget(self, trial: Trial, measured: LatencyMeasurement, *, state: str) -> None:
        """Tell that a candidate was measured and not evaluated: it is over the budget, or may be."""
        trial.asked.set_user_attr(DOUBT, measured.doubt)
        self._write(trial, state, latency=latency_columns(measured))

    def tell_failed(self, trial: Trial, cause: str) -> None:
        """Tell that a candidate could not be evaluated, and why; it is not proposed again."""
        self._write(trial, FAILED, cause=cause)

    @property
    def trials(self) -> pd.DataFrame:
        """One row a finished trial, as `frames.TRIALS`; `value` is what was told."""
        return trials_frame(self.study)

    @property
    def best(self) -> Architecture | None:
        """The candidate of the highest value inside the limit; None while there is none."""
        rows = [(trial.user_attrs[ROW], trial) for trial in finished(self.study)]
        inside = [(row["value"], -row["trial"], trial) for row, trial in rows if row["state"] == COMPLETE]
        return self.space.suggest(FixedTrial(max(inside)[2].params)) if inside else None

    def _write(
        self,
        trial: Trial,
        state: str,
        *,
        latency: dict[str, float | None] | None = None,
        value: float | None = None,
        cause: str | None = None,
    ) -> None:
        row = {
            "trial": trial.number,
            "state": state,
            **describe(trial.architecture),
            **(latency or {}),
            "budget_ms": self.limit_ms,
            "value": None if state == OVER_BUDGET else value,
            "epochs": len(trial.curve),
            "started": trial.started,
            "cause": cause,
            "params": json.dumps(trial.asked.params, sort_keys=True),
        }
        trial.asked.set_user_attr(ROW, row)
        trial.asked.set_user_attr(CURVE, trial.curve)
        if row.get("latency_ms") is not None and self.limit_ms is not None:
            excess = row["latency_ms"] / self.limit_ms - 1.0
            trial.asked.set_constraint(CONSTRAINT, excess if state in _INSIDE else max(excess, 1e-6))
        # Optuna's samplers learn from constraints only where a trial has values; any will do.
        values = values_of(
            row | ({"value": self._worst()} if row["value"] is None else {}), self.config.objectives
        )
        if state == FAILED or values is None:
            self.study.tell(trial.asked, state=TrialState.FAIL)
        else:
            self.study.tell(trial.asked, values)

    def _worst(self) -> float:
        values = [trial.user_attrs[ROW].get("value") for trial in finished(self.study)]
        return min((value for value in values if value is not None), default=0.0)

    def _peers(self) -> list[Peer]:
        return [
            Peer(0.0, tuple(trial.user_attrs[CURVE]))
            for trial in finished(self.study)
            if trial.user_attrs[ROW]["state"] == COMPLETE
        ]


def _open(path: Path | None, space: SearchSpace, objectives: Sequence[str], objective: str) -> optuna.Study:
    if path is None:
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        return optuna.create_study(directions=directions(objectives))
    study = open_study(path, objectives=objectives, space_fingerprint=space.fingerprint)
    known = study.user_attrs.get(OBJECTIVE)
    if known is None:
        study.set_user_attr(OBJECTIVE, objective)
    elif known != objective:
        raise ConfigChangedError(
            f"{path} was made with the objective {known!r}, now it is {objective!r}; "
            f"repeat the old one, or choose another file"
        )
    return study
