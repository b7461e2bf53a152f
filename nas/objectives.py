"""What a search may optimise, by name: where it stands in a trial's row, and which way is better.

Accuracy comes first and is maximised; each of the others is minimised beside it. With more than one the
search looks for the front: the candidates that no other beats in every objective.
"""

from collections.abc import Mapping, Sequence
from math import log
from typing import Any, Final, Literal, NamedTuple

import numpy as np
import torch

from millinet.errors import ConfigError
from millinet.latency.nvml import counts_energy
from millinet.tables import pick


class Objective(NamedTuple):
    """One thing a search optimises."""

    column: str
    """Column of the trials frame that holds it."""
    is_maximised: bool = False
    """Whether more is better."""


OBJECTIVES: Final[Mapping[str, Objective]] = {
    "accuracy": Objective("accuracy", is_maximised=True),
    "latency": Objective("latency_ms"),
    "parameters": Objective("parameters"),
    "macs": Objective("macs"),
    "memory": Objective("memory_mib"),
    "energy": Objective("energy_mj"),
}


def check_objectives(names: Sequence[str]) -> None:
    """Reject objectives that no search can have.

    Raises:
        ConfigError: If one is unknown or comes twice, or accuracy is not the first.
    """
    for name in names:
        pick("objective", name, OBJECTIVES)
    if not names or names[0] != "accuracy" or len(set(names)) < len(names):
        raise ConfigError(
            f"objectives are accuracy, then any others once each, got {list(names)}; "
            f"for example accuracy,latency,parameters"
        )


def check_countable(names: Sequence[str], device: torch.device) -> None:
    """Reject objectives that a device does not count.

    Raises:
        ConfigError: If energy is asked of a device that keeps no count of it.
    """
    if "energy" in names and not counts_energy(device):
        raise ConfigError(
            f"energy is counted by the board of a GPU and read through nvidia-ml-py, and {device} shows "
            f"none; leave it out of the objectives, or install millinet[gpu] on a machine whose GPU counts it"
        )


def directions(names: Sequence[str]) -> list[Literal["maximize", "minimize"]]:
    """Return Optuna's word for the better direction of each objective."""
    return ["maximize" if OBJECTIVES[name].is_maximised else "minimize" for name in names]


def values_of(row: Mapping[str, Any], names: Sequence[str]) -> list[float] | None:
    """Return a trial's value of each objective in its own unit; None where one is not known."""
    found = [_known(row, OBJECTIVES[name].column) for name in names]
    values = [float(value) for value in found if value is not None]
    return values if len(values) == len(names) else None


def losses_of(row: Mapping[str, Any], names: Sequence[str]) -> list[float] | None:
    """Return what is minimised: minus what is maximised, the logarithm of the rest, where ratios count."""
    values = values_of(row, names)
    if values is None:
        return None
    return [
        -value if OBJECTIVES[name].is_maximised else log(max(value, 1e-12))
        for name, value in zip(names, values, strict=True)
    ]


def blend(losses: Sequence[Sequence[float] | None], rng: np.random.Generator) -> list[float | None]:
    """Turn several losses a trial into one by a fresh random weight, so each proposal aims elsewhere.

    The augmented Tchebycheff norm of the losses, each scaled to [0, 1] (Knowles, "ParEGO", 2006, eq. 2). A
    single loss is left as it is; None stays None.
    """
    known = [index for index, loss in enumerate(losses) if loss is not None]
    blended: list[float | None] = [None] * len(losses)
    if not known:
        return blended
    points = np.array([losses[index] for index in known], dtype=float)
    if points.shape[1] == 1:
        values = points[:, 0]
    else:
        span = np.maximum(points.max(axis=0) - points.min(axis=0), 1e-9)
        weighted = (points - points.min(axis=0)) / span * rng.dirichlet(np.ones(points.shape[1]))
        values = weighted.max(axis=1) + 0.05 * weighted.sum(axis=1)
    for index, value in zip(known, values.tolist(), strict=True):
        blended[index] = value
    return blended


def _known(row: Mapping[str, Any], column: str) -> float | None:
    # An objective of the user's own stands in a column of its own, for it need not be a fraction.
    value = row.get(column)
    return row.get("value") if value is None and column == "accuracy" else value
