"""Which device computes, what it calls itself, and how a model is put into evaluation on it."""

import os
import platform
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any

import torch
from torch import nn

from millinet.errors import ConfigError


@dataclass(frozen=True, kw_only=True, slots=True)
class DeviceInfo:
    """What a measurement has to say about the hardware it was taken on."""

    device: str
    """As torch writes it: cpu, cuda:0."""
    kind: str
    """cpu or cuda."""
    name: str
    """What the hardware calls itself."""
    identity: str
    """GPU UUID, or the CPUs this process may run on."""
    driver: str | None
    """Driver version, on an accelerator."""
    threads: int
    """Intra-op threads at the time."""
    cores: int
    """CPU cores this process may run on."""
    clock_mhz: float | None
    """Clock at the time, where it can be read."""
    instructions: str
    """Vector instructions torch uses on a CPU, compute capability on a GPU."""

    def as_dict(self) -> dict[str, Any]:
        """Return the fields as JSON types."""
        return asdict(self)


def resolve_device(name: str | torch.device | None = None) -> torch.device:
    """Return the device called `name`; None and "auto" take the GPU where there is one, else the CPU.

    Raises:
        ConfigError: If the name is no device, or the device is not there.
    """
    if name is None or name == "auto":
        return torch.device("cuda:0" if torch.cuda.is_available() else "cpu")
    text = str(name)
    if text == "cpu":
        return torch.device("cpu")
    found = re.fullmatch(r"cuda(?::(\d+))?", text)
    if found is None:
        raise ConfigError(f"a device is cpu, cuda, cuda:N or auto, got {text!r}")
    if not torch.cuda.is_available():
        raise ConfigError(f"this machine has no usable CUDA device, got {text!r}; use cpu or auto")
    index, count = int(found[1] or 0), torch.cuda.device_count()
    if index >= count:
        raise ConfigError(f"this machine has CUDA devices 0 to {count - 1}, got {text!r}")
    return torch.device("cuda", index)


def describe(device: str | torch.device | None = None) -> DeviceInfo:
    """Describe a device as it is now."""
    resolved = resolve_device(device)
    return _describe_cuda(resolved) if resolved.type == "cuda" else _describe_cpu()


def identity_of(device: torch.device) -> str:
    """Return what tells a device apart from every other of this machine: `DeviceInfo.identity`."""
    if device.type == "cuda":
        return str(torch.cuda.get_device_properties(device).uuid)
    return _cpu_set()


@contextmanager
def evaluating(model: nn.Module) -> Iterator[None]:
    """Evaluate without gradients, then give every module its own mode back."""
    # Per module, not model.train(): a frozen batch norm inside a training model must stay frozen.
    modes = [(module, module.training) for module in model.modules()]
    model.eval()
    try:
        with torch.no_grad():
            yield
    finally:
        for module, was_training in modes:
            module.training = was_training


def set_threads(num_threads: int | None) -> int:
    """Set torch's intra-op threads; None leaves them.

    Returns:
        The number in force.

    Raises:
        ConfigError: If it is not between 1 and the cores this process may use.
    """
    if num_threads is not None:
        cores = usable_cores()
        if not 1 <= num_threads <= cores:
            raise ConfigError(f"threads must be between 1 and the {cores} usable cores, got {num_threads}")
        if num_threads != torch.get_num_threads():
            torch.set_num_threads(num_threads)
    return torch.get_num_threads()


@contextmanager
def using_threads(num_threads: int | None) -> Iterator[int]:
    """Compute with that many threads inside the block, and with as many as before after it."""
    before = torch.get_num_threads()
    try:
        yield set_threads(num_threads)
    finally:
        torch.set_num_threads(before)


def usable_cores() -> int:
    """Count the CPU cores this process may run on, which a container may have cut."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _describe_cpu() -> DeviceInfo:
    return DeviceInfo(
        device="cpu",
        kind="cpu",
        name=_cpu_name(),
        identity=_cpu_set(),
        driver=None,
        threads=torch.get_num_threads(),
        cores=usable_cores(),
        clock_mhz=_cpu_clock_mhz(),
        instructions=torch.backends.cpu.get_cpu_capability(),
    )


def _describe_cuda(device: torch.device) -> DeviceInfo:
    from millinet.latency.nvml import gpu_state  # optional, and only where there is a GPU

    state = gpu_state(device)
    properties = torch.cuda.get_device_properties(device)
    return DeviceInfo(
        device=str(device),
        kind="cuda",
        name=properties.name,
        identity=str(properties.uuid),
        driver=state.driver,
        threads=torch.get_num_threads(),
        cores=usable_cores(),
        clock_mhz=state.clock_mhz,
        instructions=f"sm_{properties.major}{properties.minor}",
    )


@cache
def _cpu_name() -> str:
    return _cpu_field("model name") or platform.processor() or platform.machine()


def _cpu_clock_mhz() -> float | None:
    text = _cpu_field("cpu MHz")
    return float(text) if text else None


def _cpu_field(field: str) -> str | None:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return None
    for line in lines:
        key, _, value = line.partition(":")
        if key.strip() == field:
            return value.strip()
    return None


def _cpu_set() -> str:
    if not hasattr(os, "sched_getaffinity"):
        return "cpus-all"
    return "cpus-" + "-".join(map(str, sorted(os.sched_getaffinity(0))))
