"""Where the numbers come from and the command that makes them again."""

from collections.abc import Mapping
from typing import Any

from millinet.provenance import as_shell
from reports import numbers
from reports.content import Content
from reports.load import Run


def provenance_section(content: Content) -> Mapping[str, Any]:
    """List for every run its command, seed, data, device and versions."""
    return {
        "runs": [
            {"name": run.name, "command": as_shell(run.record.command), "facts": _facts(run)}
            for run in content.runs
        ]
    }


def _facts(run: Run) -> list[tuple[str, str]]:
    record = run.record
    sizes = ", ".join(f"{size:,} {split}" for split, size in record.data.get("sizes", {}).items())
    device = record.device
    facts = {
        "status": record.status,
        "started": record.created,
        "seed": str(record.seed),
        "data": _listed(record.data.get("spec"), sizes, record.data.get("fingerprint")),
        "space": _listed(record.space.get("name"), record.space.get("size"), record.space.get("fingerprint")),
        "budget": _listed(record.budget.get("text"), _limit(record.budget)),
        "device": _listed(device.get("name"), device.get("driver"), _threads(device), _clock(device)),
        **{f"recipe, {phase}": _recipe(settings) for phase, settings in record.recipes.items()},
        "time": ", ".join(f"{phase} {numbers.duration(spent)}" for phase, spent in record.phases.items()),
        "versions": ", ".join(f"{name} {version}" for name, version in record.versions.items()),
        "commit": record.commit,
        "settings": ", ".join(f"{name} = {value}" for name, value in sorted(record.config.items())),
    }
    return [(name, value) for name, value in facts.items() if value]


def _listed(*parts: Any) -> str:
    return ", ".join(str(part) for part in parts if part)


def _recipe(settings: Mapping[str, Any]) -> str:
    """Write the settings of a training; what is off is left out."""
    off = (None, False, 0)
    return ", ".join(f"{name} {value}" for name, value in settings.items() if value not in off)


def _limit(budget: Mapping[str, Any]) -> str:
    limit_ms = budget.get("limit_ms")
    return numbers.milliseconds(limit_ms) if isinstance(limit_ms, int | float) else ""


def _threads(device: Mapping[str, Any]) -> str:
    return f"{device['threads']} threads" if device.get("threads") else ""


def _clock(device: Mapping[str, Any]) -> str:
    return f"{device['clock_mhz']:.0f} MHz" if device.get("clock_mhz") else ""
