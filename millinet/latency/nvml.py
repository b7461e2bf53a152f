"""What the driver says about a GPU: clocks, power, temperature, throttling and who else computes on it.

Read through nvidia-ml-py where it is installed; never set anything. Without it every field is missing.
"""

import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Final, TypeVar

import torch

T = TypeVar("T")

# Thermal and power-brake reasons; idle, applied clocks and the ordinary power cap are how GPUs always run.
_THROTTLE_BITS: Final = {
    0x08: "hardware slowdown",
    0x20: "software thermal slowdown",
    0x40: "hardware thermal slowdown",
    0x80: "power brake",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class GpuState:
    """One reading; None where the driver does not say."""

    driver: str | None = None
    """Driver version."""
    clock_mhz: float | None = None
    """Clock of the multiprocessors."""
    power_watts: float | None = None
    """Power drawn."""
    temperature_c: float | None = None
    """Temperature of the chip."""
    throttled_by: tuple[str, ...] = ()
    """Reasons for which the clock is held down."""
    num_others: int | None = None
    """Other processes that compute on it."""


def gpu_state(device: torch.device) -> GpuState:
    """Read the state of a GPU; everything is missing where NVML is."""
    return _asked(_read, device) or GpuState()


def drawn_joules(device: torch.device) -> float | None:
    """Read the energy a GPU has drawn since its driver was loaded, in joules; None where it counts none."""
    return _asked(_read_energy, device)


def counts_energy(device: torch.device) -> bool:
    """Whether a device keeps a count of its energy that can be read here."""
    return device.type == "cuda" and drawn_joules(device) is not None


def hindrance(state: GpuState) -> str:
    """Return the status a reading forces on a measurement: throttled, contended, or nothing."""
    if state.num_others:
        return "contended"
    return "throttled" if state.throttled_by else ""


def _asked(question: Callable[[Any, Any], T], device: torch.device) -> T | None:
    """Put a question to NVML about a GPU; None where there is no answer."""
    try:
        nvml = import_module("pynvml")
    except ImportError:
        return None
    try:
        nvml.nvmlInit()
    except nvml.NVMLError:
        return None
    try:
        # By UUID: NVML numbers all GPUs of the machine, torch only those it was shown.
        uuid = f"GPU-{torch.cuda.get_device_properties(device).uuid}"
        return question(nvml, nvml.nvmlDeviceGetHandleByUUID(uuid))
    except nvml.NVMLError:
        return None
    finally:
        with suppress(nvml.NVMLError):
            nvml.nvmlShutdown()


def _read_energy(nvml: Any, handle: Any) -> float:
    return float(nvml.nvmlDeviceGetTotalEnergyConsumption(handle)) / 1e3


def _read(nvml: Any, handle: Any) -> GpuState:
    def ask(name: str, *arguments: Any) -> Any:
        function = getattr(nvml, name, None)
        try:
            return None if function is None else function(handle, *arguments)
        except nvml.NVMLError:
            return None

    # Renamed in NVML 12.2; older drivers know the second name only.
    reasons = ask("nvmlDeviceGetCurrentClocksEventReasons")
    reasons = ask("nvmlDeviceGetCurrentClocksThrottleReasons") if reasons is None else reasons
    processes = ask("nvmlDeviceGetComputeRunningProcesses")
    power = ask("nvmlDeviceGetPowerUsage")
    clock = ask("nvmlDeviceGetClockInfo", nvml.NVML_CLOCK_SM)
    temperature = ask("nvmlDeviceGetTemperature", nvml.NVML_TEMPERATURE_GPU)
    return GpuState(
        driver=str(nvml.nvmlSystemGetDriverVersion()),
        clock_mhz=None if clock is None else float(clock),
        power_watts=None if power is None else power / 1000,
        temperature_c=None if temperature is None else float(temperature),
        throttled_by=tuple(text for bit, text in _THROTTLE_BITS.items() if (reasons or 0) & bit),
        num_others=None if processes is None else sum(one.pid != os.getpid() for one in processes),
    )
