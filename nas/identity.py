"""Who works on a trial, so that another process can tell whether its worker is still alive."""

import os
import re
import socket
import uuid
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any, Self

# /proc/PID/stat, counted from the field behind the program's name in brackets (proc(5)): state is 0.
_STARTED_FIELD = 19


@dataclass(frozen=True, kw_only=True, slots=True)
class Worker:
    """One process that works on trials."""

    name: str
    """Unlike every other worker's."""
    host: str
    """Machine it runs on, for people."""
    place: str
    """The kernel's boot and the process namespace; empty where the system tells neither."""
    pid: int
    """Process number, in that place."""
    started: int
    """When it began, in ticks since boot: a number that is used again is another process."""

    def as_dict(self) -> dict[str, Any]:
        """Return the fields as JSON types."""
        return asdict(self)

    @classmethod
    def read(cls, fields: dict[str, Any]) -> Self:
        """Return what `as_dict` wrote."""
        return cls(**fields)

    @property
    def is_known_dead(self) -> bool:
        """Whether it ran on this machine and is gone; False where that cannot be known."""
        return bool(self.place) and self.place == _place() and _start_of(self.pid) != self.started


def this_worker() -> Worker:
    """Describe the process that asks, under a name of its own each time."""
    host = re.sub(r"[^\w.-]", "-", socket.gethostname())[:64]
    return Worker(
        name=f"{host}-{os.getpid()}-{uuid.uuid4().hex[:8]}",
        host=host,
        place=_place(),
        pid=os.getpid(),
        started=_start_of(os.getpid()) or 0,
    )


@cache
def _place() -> str:
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        return f"{boot} {Path('/proc/self/ns/pid').readlink()}"
    except OSError:
        return ""


def _start_of(pid: int) -> int | None:
    """Return when a process began, in ticks since boot; None where there is none, or it is only a zombie."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace")
    except OSError:
        return None
    fields = text.rpartition(")")[2].split()
    return None if fields[0] in "ZX" else int(fields[_STARTED_FIELD])
