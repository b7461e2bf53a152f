"""Issue the certificate of a finished network: its test accuracy, and its latency in fresh processes."""

from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from torch import nn

from millinet.certificate import Certificate
from millinet.costs import count
from millinet.data import DataSet
from millinet.device import describe
from millinet.frames import PREDICTIONS
from millinet.latency import Budget, LatencyMeasurement, LatencySettings, certify
from millinet.models import load_model
from millinet.provenance import utc_now
from millinet.tables import loaded_plugins
from millinet.training import Evaluation, evaluate, predict


@dataclass(frozen=True, kw_only=True, slots=True)
class Origin:
    """What is known of a network before it is certified."""

    validation_accuracy: float | None = None
    """What chose it, a fraction."""
    architecture: str = ""
    """The network, readable."""
    fingerprint: str = ""
    """Hash of its architecture, where it has one."""
    trial: int | None = None
    """The trial it came from."""


def certify_winner(  # noqa: PLR0913 - what is certified, and how
    folder: Path,
    *,
    data: DataSet,
    budget: Budget,
    settings: LatencySettings,
    device: str,
    origin: Origin,
    base: Path | None = None,
) -> tuple[Certificate, LatencyMeasurement]:
    """Measure the network in `folder` and write its certificate.json.

    The test split is read here and nowhere else. The latency comes from fresh processes that load the folder
    as a user would, so what is certified is what is shipped.

    Args:
        folder: A winner's folder with its weights.
        data: The data set; its test split is evaluated.
        budget: The budget, resolved to milliseconds.
        settings: How latency is measured.
        device: The device that is measured and evaluated on.
        origin: What the certificate says of where the network comes from.
        base: Folder of the network that a relative budget without a name refers to.

    Raises:
        MeasurementError: If no latency could be taken.
    """
    loaded = load_model(folder)
    example = torch.zeros(1, *data.input_shape)
    costs = count(loaded.model, example)
    test = _test(loaded.model, data, folder=folder, device=device) if len(data.test) else None
    measured = certify(
        folder,
        data.input_shape,
        budget=budget,
        device=device,
        settings=settings,
        plugins=loaded_plugins(),
        base=base,
    )
    # Checked by pydantic as it is built, so plain strings may stand for the literals.
    certificate = Certificate.model_validate(
        {
            "verdict": measured.verdict(budget),
            "budget": str(budget),
            "budget_ms": budget.limit_ms,
            "median_ms": measured.median_ms,
            "low_ms": measured.low_ms,
            "high_ms": measured.high_ms,
            "p95_ms": measured.p95_ms,
            "p95_low_ms": measured.p95_low_ms,
            "p95_high_ms": measured.p95_high_ms,
            "confidence": measured.confidence,
            "num_calls": measured.num_calls,
            "num_processes": measured.num_processes,
            "test_accuracy": test.accuracy if test else None,
            "test_accuracy_low": test.low if test else None,
            "test_accuracy_high": test.high if test else None,
            "num_test_images": test.num_images if test else None,
            "parameters": costs.parameters,
            "macs": costs.macs,
            "input_shape": list(data.input_shape),
            **asdict(origin),
            "device": describe(device).as_dict(),
            "settings": settings.as_dict(),
            "status": measured.status,
            "time": utc_now(),
        }
    )
    certificate.write(folder / "certificate.json")
    return certificate, measured


def _test(model: nn.Module, data: DataSet, *, folder: Path, device: str) -> Evaluation:
    """Evaluate the test split, and keep each answer so that two networks can be compared image by image."""
    predicted = predict(model.to(device), data.test, data=data, device=device)
    rows = zip(data.test.labels.tolist(), predicted.tolist(), strict=True)
    frame = PREDICTIONS.frame({"label": label, "predicted": answer} for label, answer in rows)
    PREDICTIONS.write(frame, folder / "predictions.csv")
    evaluation = evaluate(model, data.test, data=data, device=device)
    model.to("cpu")
    return evaluation
