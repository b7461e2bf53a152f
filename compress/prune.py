"""Prune a model to a budget and prove that only channels went.

pruned = prune(model, example, latency_ratio=0.5)
pruned.model, pruned.widths, pruned.layers, pruned.certificate
"""

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple, Unpack

import pandas as pd
from torch import Tensor, nn

from compress.admission import admit
from compress.atoms import Atoms, drop_unused_atoms
from compress.channels import ChannelGroup
from compress.choices import explained
from compress.config import PruneConfig, PruneOptions
from compress.criteria import Batch
from compress.discovery import find_groups
from compress.goal import Goal, Stopwatch, budget_of, latency_goal, paper_goal
from compress.layers import layer_frame
from compress.progress import Cut, Progress
from compress.reading import Reading
from compress.step import Step, noise_like, shrink
from millinet.latency import Budget, LatencyMeasurement, LatencyMeter
from millinet.widths import read_widths


@dataclass(frozen=True, kw_only=True, slots=True)
class Pruned:
    """A pruned model and what is known of it."""

    model: nn.Module
    """In the modes and on the device of the model it was made from."""
    widths: dict[str, Any]
    """What `millinet.widths.apply_widths` needs to rebuild it from a fresh copy of the original."""
    layers: pd.DataFrame
    """Every layer before and after, a `frames.LAYERS` frame."""
    groups: list[ChannelGroup]
    """Every channel group of the last step, with the reason where it was left alone."""
    kept: dict[int, int]
    """Channels each prunable group kept in the last step, by its index."""
    error: float
    """Largest difference the exactness check found, relative to the output."""
    atoms: dict[str, Atoms] = field(default_factory=dict)
    """What sparse-coded heads that lost unused atoms had and have, by name."""
    budget: Budget | None = None
    """The latency budget in milliseconds; None where latency was no target."""
    base: LatencyMeasurement | None = None
    """Latency of the unpruned model; None where latency was no target."""
    measurement: LatencyMeasurement | None = None
    """Latency of the pruned model, by the same meter; None where latency was no target."""

    @property
    def is_faster(self) -> bool | None:
        """Whether its median is below the unpruned model's for certain; None where latency was no target.

        Where the budget is a part of the model's own latency the two were called in turn, and their ratio has
        to lie below 1: what slows both of them cancels. Else intervals that overlap are no win.
        """
        if self.measurement is None or self.base is None:
            return None
        after = Reading.timed(self.measurement)
        if self._is_paired:
            return after.is_fit and self.measurement.ratio_high < 1.0
        return after.is_below(Reading.timed(self.base))

    @property
    def _is_paired(self) -> bool:
        """Whether the pruned model was measured against the unpruned one."""
        is_own_part = self.budget is not None and self.budget.ratio is not None and not self.budget.reference
        return is_own_part and self.measurement is not None and self.measurement.reference_error == 0.0

    @property
    def certificate(self) -> dict[str, Any]:
        """The measured latency against the budget, as JSON types; empty where latency was no target."""
        if self.measurement is None or self.budget is None:
            return {}
        found = {key: value for key, value in self.measurement.as_dict().items() if key != "calls_ms"}
        verdict = self.measurement.verdict(self.budget)
        return {"verdict": verdict, "is_faster": self.is_faster, "budget": str(self.budget), **found}


def prune(  # noqa: PLR0913 -- what, to what, and the seams a caller may use
    model: nn.Module,
    example: Tensor,
    *,
    config: PruneConfig | None = None,
    recover: Callable[[nn.Module], object] | None = None,
    data: Sequence[Batch] = (),
    meter: LatencyMeter | None = None,
    progress: Path | None = None,
    **options: Unpack[PruneOptions],
) -> Pruned:
    """Remove channels until the target is met, without changing what the rest computes.

    Args:
        model: Any classifier, (batch, channels, height, width) -> (batch, classes); never changed.
        example: An input batch on the model's device; its shape matters, its content does not.
        config: Settings; `options` replace fields of it.
        recover: Called with the pruned model after every step, to train it in place.
        data: Batches of images and labels, for criteria that look at data; atoms of a sparse-coded head that
            none of the images uses are taken out first.
        meter: Measures latency; None makes one for the device of the settings.
        progress: Folder that keeps the cut of each step, so that a pruning that was killed goes on from the
            last one; its caller deletes it at the end. None keeps nothing.
        **options: Fields of `PruneConfig`, first of all one target.

    Raises:
        ConfigError: If the settings contradict each other or name what does not exist.
        ModelError: If the model cannot be pruned.
        InfeasibleBudgetError: If pruning cannot reach the target; the message names the reachable floor.
        ExactnessError: If the surgery changed more than the removed channels.
    """
    settings = replace(config, **options) if config is not None else PruneConfig(**options)
    working = admit(model, example)
    atoms = drop_unused_atoms(working, data, protect=settings.protect)
    known = None if progress is None else Progress.open(progress, working, asked=repr(settings))
    steps = _Steps(example, settings, data, recover, known)
    budget = budget_of(settings)
    if budget is None:
        step = steps.to(paper_goal(working, example, settings), working)
        return replace(_finished(model, example, step), atoms=atoms)
    if known is not None and known.limit_ms is not None:
        budget = replace(budget, limit_ms=known.limit_ms)
    with nullcontext(meter) if meter else LatencyMeter(settings.device, settings.latency) as meter:
        stopwatch = Stopwatch(meter, example)
        goal, resolved = latency_goal(working, budget, stopwatch)
        if known is not None:
            known.keep_limit(resolved.limit_ms)
        base = stopwatch.of(working)
        step = steps.to(goal, working)
        return replace(
            _finished(model, example, step),
            atoms=atoms,
            budget=resolved,
            base=base,
            measurement=stopwatch.of(step.model),
        )


class _Steps(NamedTuple):
    """What all steps of a pruning share."""

    example: Tensor
    settings: PruneConfig
    data: Sequence[Batch]
    recover: Callable[[nn.Module], object] | None
    progress: Progress | None

    def to(self, goal: Goal, working: nn.Module) -> Step:
        """Go down to the goal in the number of steps asked for, recovering after each."""
        step = None
        for number in range(1, self.settings.steps + 1):
            step = self._cut(number, goal, working)
            working = step.model
            if self.recover is not None:
                self.recover(working)
                working.eval()
        if step is None:
            raise AssertionError("a config has at least one step")
        return step

    def _cut(self, number: int, goal: Goal, working: nn.Module) -> Step:
        cut = None if self.progress is None else self.progress.find(number)
        if cut is not None:
            groups = find_groups(working, noise_like(self.example), protect=self.settings.protect)
            return Step(cut.model, explained(groups, self.settings), cut.kept, cut.error)
        fraction = number / self.settings.steps
        step = shrink(working, self.example, goal.at(fraction), self.settings, self.data)
        if self.progress is not None:
            self.progress.keep(number, Cut(step.model, step.kept, step.error))
        return step


def _finished(model: nn.Module, example: Tensor, step: Step) -> Pruned:
    modes = {name: module.training for name, module in model.named_modules()}
    for name, module in step.model.named_modules():
        module.training = modes.get(name, model.training)
    return Pruned(
        model=step.model,
        widths=read_widths(model, step.model),
        layers=layer_frame(model, step.model, example, step.groups),
        groups=step.groups,
        kept=step.kept,
        error=step.error,
    )
