"""Profile several models side by side into one frame: latency, verdict and costs, a row a measurement."""

from collections.abc import Iterator, Mapping
from typing import Any

import pandas as pd
import torch
from torch import Tensor, nn

from millinet.costs import count
from millinet.errors import ConfigError, MillinetError
from millinet.frames import LATENCY
from millinet.latency.budget import Budget
from millinet.latency.measurement import LatencyMeasurement
from millinet.latency.meter import LatencyMeter
from millinet.latency.settings import LatencySettings
from millinet.latency.timer import pause


def profile(
    models: Mapping[str, nn.Module],
    example: Tensor,
    *,
    device: str | torch.device | None = "cpu",
    settings: LatencySettings | None = None,
    budget: Budget | None = None,
) -> pd.DataFrame:
    """Measure models in turn, visit by visit, so that all of them meet the same states of the machine.

    Args:
        models: Name to model; each is left as it is.
        example: Input of every model, shape (batch, ...).
        device: cpu, cuda, cuda:N; None or "auto" takes a GPU where there is one.
        settings: None takes the defaults.
        budget: Judges every row; a ratio without a reference refers to the first model.

    Returns:
        A frame of `frames.LATENCY`, in the order of `models`. A model that cannot be measured has the status
        "failed" and its cause.

    Raises:
        ConfigError: If there is no model.
    """
    if not models:
        raise ConfigError("profile needs at least one model")
    with LatencyMeter(device, settings) as meter:
        first = next(iter(models.values()))
        resolved = None if budget is None else budget.resolve(example, meter=meter, model=first)
        rows = _in_turn(models, example, meter, resolved)
    return LATENCY.frame(rows[name] for name in models)


def _in_turn(
    models: Mapping[str, nn.Module], example: Tensor, meter: LatencyMeter, budget: Budget | None
) -> dict[str, dict[str, Any]]:
    rows: dict[str, dict[str, Any]] = {}
    last: dict[str, LatencyMeasurement] = {}
    open_visits: dict[str, Iterator[LatencyMeasurement]] = {
        name: meter.visits(model, example, budget=budget) for name, model in models.items()
    }
    while open_visits:
        for name, visits in list(open_visits.items()):
            try:
                last[name] = next(visits)
            except StopIteration:
                rows[name] = _row(name, models[name], example, last[name], budget)
                del open_visits[name]
            except ConfigError:
                raise  # the user's doing, and the same for every model
            except MillinetError as error:
                rows[name] = {"model": name, "status": "failed", "cause": str(error)}
                del open_visits[name]
        if open_visits:
            pause(meter.settings.gap_seconds / len(open_visits))
    return rows


def _row(
    name: str, model: nn.Module, example: Tensor, measurement: LatencyMeasurement, budget: Budget | None
) -> dict[str, Any]:
    batch = measurement.settings.batch or 1
    costs = count(model, example[:1].expand(batch, *example.shape[1:]))
    return measurement.row(
        model=name,
        budget=budget,
        parameters=costs.parameters,
        macs=costs.macs,
        memory_mib=costs.activation_mib,
    )
