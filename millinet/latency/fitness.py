"""Is this machine fit to measure? A network against its own copy, and what stands in the way."""

import os
from collections.abc import Iterator
from dataclasses import replace
from math import sqrt
from pathlib import Path
from typing import Final, NamedTuple

import torch

from millinet.device import DeviceInfo, describe, resolve_device, usable_cores
from millinet.latency.measurement import LatencyMeasurement
from millinet.latency.meter import LatencyMeter
from millinet.latency.nvml import GpuState, gpu_state
from millinet.latency.references import rung
from millinet.latency.settings import LatencySettings
from millinet.latency.stopping import level
from millinet.statistics import t_factor

_RUNG: Final = 6
_NUM_VISITS: Final = 17
FALSE_DIFFERENCE: Final = 0.01
"""Difference of a network from itself that makes a machine unfit when its interval leaves out zero."""


class Fitness(NamedTuple):
    """What an A/A measurement and the system say about a machine."""

    device: DeviceInfo
    same: LatencyMeasurement
    """A network measured against its own copy; the ratio should be 1."""
    noise: float
    """Spread of the ratio from one visit to the next, as a fraction: the noise floor."""
    gpu: GpuState | None
    """Reading of the GPU; None on a CPU."""
    hindrances: list[str]
    """What stands in the way of a good measurement, each with a way out."""

    @property
    def is_fit(self) -> bool:
        """Whether a verdict from this machine is worth having now."""
        same = self.same
        differs = same.ratio_low > 1.0 or same.ratio_high < 1.0
        return same.status == "ok" and not (differs and abs(same.ratio - 1.0) > FALSE_DIFFERENCE)


def check_fitness(
    device: str | torch.device | None = None, settings: LatencySettings | None = None
) -> Fitness:
    """Measure a network against its own copy on a device, for about three seconds, and look around."""
    target = resolve_device(device)
    form = replace(settings or LatencySettings(), max_visits=_NUM_VISITS, half_width=1e-6, fold=False)
    network, example = rung(_RUNG)
    with LatencyMeter(target, form, reference=(network, example)) as meter:
        same = meter.measure(network, example)
    factor = t_factor(max(1, same.num_visits - 1), level(form.confidence))
    noise = same.sampling_error / factor * sqrt(same.num_visits)
    gpu = gpu_state(target) if target.type == "cuda" else None
    return Fitness(describe(target), same, noise, gpu, list(_hindrances(gpu)))


def _hindrances(gpu: GpuState | None) -> Iterator[str]:
    load, cores = os.getloadavg()[0], usable_cores()
    if load > cores / 2:
        yield f"load is {load:.1f} on {cores} cores; end other work, or expect wider intervals"
    governor = Path("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor")
    if governor.exists() and (found := governor.read_text(encoding="ascii").strip()) != "performance":
        yield f"the CPU's clock is governed by {found!r}; `performance` gives steadier times"
    if gpu is None:
        return
    if gpu.driver is None:
        yield "the driver cannot be asked; pip install nvidia-ml-py to see clocks and throttling"
    if gpu.throttled_by:
        yield f"the GPU is throttled by {', '.join(gpu.throttled_by)}; let it cool or raise its power cap"
    if gpu.num_others:
        yield f"{gpu.num_others} other processes compute on the GPU; end them"
