"""Measure many models on one device against references that stay the same, visit by visit."""

from collections import deque
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import Self

import torch
from torch import Tensor, nn

from millinet.device import DeviceInfo, describe, resolve_device, using_threads
from millinet.errors import ConfigError, MillinetError
from millinet.latency.budget import Budget
from millinet.latency.calm import pauses
from millinet.latency.cuda import fixed_numerics, gpu_times
from millinet.latency.energy import energy_mj
from millinet.latency.lock import device_lock
from millinet.latency.measurement import LatencyMeasurement
from millinet.latency.nvml import drawn_joules, gpu_state, hindrance
from millinet.latency.quiet import collecting_output
from millinet.latency.references import Ladder, Reference
from millinet.latency.settings import LatencySettings
from millinet.latency.stopping import MOST_SEEN
from millinet.latency.subject import Subject, call_failure, prepare
from millinet.latency.summary import has_enough, summarise
from millinet.latency.timer import pause
from millinet.latency.visit import Visit, calls_per_block, visit


class LatencyMeter:
    """Measures models on one device; keeps the reference networks alive from one model to the next.

    Use it as a context where several models are measured, and `visits` where other work can fill the gaps:

        with LatencyMeter("cpu") as meter:
            for measurement in meter.visits(model, example, budget=budget):
                ...  # train something else, then take up the loop again
    """

    def __init__(
        self,
        device: str | torch.device | None = "cpu",
        settings: LatencySettings | None = None,
        *,
        reference: tuple[nn.Module, Tensor] | None = None,
    ) -> None:
        """Choose the device and the settings.

        Args:
            device: cpu, cuda, cuda:N; None or "auto" takes a GPU where there is one.
            settings: None takes the defaults.
            reference: Network and input that everything is compared with; None takes, for each model, the
                built-in network whose duration is nearest.
        """
        self.device = resolve_device(device)
        self.settings = settings or LatencySettings()
        self._yardstick = replace(self.settings, batch=None, fold=False, engine="torch")
        self._given = reference
        self._reference: Reference | None = None
        self._base: Reference | None = None
        self._ladder = Ladder(self.device, self._yardstick)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._reference = self._base = None
        self._ladder = Ladder(self.device, self._yardstick)

    def compare_with(self, model: nn.Module, example: Tensor, *, budget: Budget) -> None:
        """Judge relative budgets, from here on, by calls of the network they refer to.

        What is judged then is the ratio of the two, visit by visit, and how fast the machine happens to run
        cancels. `Budget.resolve` calls it.

        Args:
            model: The network the budget refers to.
            example: Input, shape (batch, ...).
            budget: A relative budget with its limit: the network is taken to have the latency that this is a
                part of.
        """
        if budget.limit_ms is None or budget.ratio is None:
            raise ConfigError(f"the budget {budget} is not relative to a latency that is known")
        with self._form():
            subject = prepare(model, example, device=self.device, settings=self.settings.under(budget))
        name = budget.reference or type(model).__name__
        self._base = Reference(name, subject, pinned_ms=budget.limit_ms / budget.ratio)

    def measure(
        self, model: nn.Module, example: Tensor, *, budget: Budget | None = None
    ) -> LatencyMeasurement:
        """Visit a model until there is a verdict or a narrow interval, pausing between visits.

        Args:
            model: Left as it is: mode, device, dtype and hooks.
            example: Input, shape (batch, ...), on any device.
            budget: Resolved budget; one visit far over it ends the measurement.

        Raises:
            MeasurementError: If the model cannot be measured.
        """
        visits = self._visits(model, example, budget, gap_seconds=self.settings.gap_seconds)
        return deque(visits, maxlen=1).pop()

    def visits(
        self, model: nn.Module, example: Tensor, *, budget: Budget | None = None
    ) -> Iterator[LatencyMeasurement]:
        """Yield the growing measurement after each visit; ends by itself once there is enough.

        Visits that lie further apart in time see more states of the machine, so do other work in between.
        Several such iterators of one meter may be taken up in turn.

        Raises:
            MeasurementError: If the model cannot be measured.
        """
        yield from self._visits(model, example, budget, gap_seconds=0.0)

    def _visits(
        self, model: nn.Module, example: Tensor, budget: Budget | None, *, gap_seconds: float
    ) -> Iterator[LatencyMeasurement]:
        settings = self.settings.under(budget)
        with self._form():
            subject = prepare(model, example, device=self.device, settings=settings)
            reference = self._reference_for(subject, budget)
        settings = replace(settings, batch=subject.batch)
        num_calls = calls_per_block(subject.rough_ms, settings.calls_per_block)
        most_seen = MOST_SEEN * settings.max_visits
        seen: list[Visit] = []
        hindrances: set[str] = set()
        is_enough = False
        while not is_enough:
            pause(gap_seconds * pauses(seen))
            with self._form():
                one, info = self._visit(subject, reference, num_calls)
            seen.append(one)
            if self.device.type == "cuda":
                hindrances.add(hindrance(gpu_state(self.device)))
            reference.add_visit(one)
            measurement = summarise(seen, reference, settings=settings, info=info, note=subject.note)
            measurement = measurement.hindered(hindrances)
            is_enough = has_enough(measurement, budget) or len(seen) >= most_seen
            if is_enough and len(seen) > 1 and self.device.type == "cuda":
                measurement = self._with_gpu_times(measurement, subject)
            yield measurement

    def _with_gpu_times(self, measurement: LatencyMeasurement, subject: Subject) -> LatencyMeasurement:
        with device_lock(measurement.device.identity), collecting_output():
            times = gpu_times(subject.launch, self.device)
            energy = energy_mj(subject.call, lambda: drawn_joules(self.device))
        notes = [measurement.note, "launch-bound" if times.is_launch_bound(measurement.median_ms) else ""]
        note = "; ".join(filter(None, notes))
        return replace(
            measurement, device_ms=times.device_ms, graph_ms=times.graph_ms, energy_mj=energy, note=note
        )

    def _visit(self, subject: Subject, reference: Reference, num_calls: int) -> tuple[Visit, DeviceInfo]:
        try:
            info = describe(self.device)
            with device_lock(info.identity), collecting_output():
                return visit(subject.call, reference.subject.call, num_calls=num_calls), info
        except MillinetError:
            raise
        except Exception as error:
            raise call_failure("the model", "while it was timed", error) from error

    def _form(self) -> AbstractContextManager[object]:
        is_cpu = self.device.type == "cpu"
        return using_threads(self.settings.threads) if is_cpu else fixed_numerics(self.device)

    def _reference_for(self, subject: Subject, budget: Budget | None) -> Reference:
        if self._base is not None and budget is not None and budget.ratio is not None:
            return self._base
        if self._given is None:
            return self._ladder.for_duration(subject.rough_ms)
        if self._reference is None:
            network, example = self._given
            prepared = prepare(network, example, device=self.device, settings=self._yardstick)
            self._reference = Reference(type(network).__name__, prepared)
        return self._reference


def measure(
    model: nn.Module,
    example: Tensor,
    *,
    device: str | torch.device | None = "cpu",
    budget: Budget | None = None,
    settings: LatencySettings | None = None,
) -> LatencyMeasurement:
    """Measure the latency of one model on a device.

    Args:
        model: Left as it is: mode, device, dtype and hooks.
        example: Input, shape (batch, ...), on any device.
        device: cpu, cuda, cuda:N; None or "auto" takes a GPU where there is one.
        budget: Stops as soon as it is met or missed for certain; a relative one refers to `model` itself.
        settings: None takes the defaults: fp32, one thread, batch norms folded, 95% confidence.

    Raises:
        MeasurementError: If the model cannot be measured.
    """
    with LatencyMeter(device, settings) as meter:
        resolved = None if budget is None else budget.resolve(example, meter=meter, model=model)
        return meter.measure(model, example, budget=resolved)
