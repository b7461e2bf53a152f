"""The certificate: written, read back, told, refused."""

from pathlib import Path
from typing import Any

import pytest

from millinet.certificate import Certificate
from millinet.errors import RunFolderError

FIELDS: dict[str, Any] = {
    "verdict": "meets",
    "budget": "2ms",
    "budget_ms": 2.0,
    "median_ms": 1.5,
    "low_ms": 1.4,
    "high_ms": 1.6,
    "p95_ms": None,
    "confidence": 0.95,
    "num_calls": 50,
    "num_processes": 3,
    "test_accuracy": 0.98,
    "test_accuracy_low": 0.96,
    "test_accuracy_high": 0.99,
    "parameters": 100,
    "macs": 1000,
    "input_shape": [1, 8, 8],
    "device": {},
    "settings": {},
    "status": "ok",
    "time": "2026-01-01T00:00:00+00:00",
}


def test_a_certificate_comes_back_as_it_was(tmp_path: Path) -> None:
    certificate = Certificate.model_validate(FIELDS)

    certificate.write(tmp_path / "certificate.json")

    assert Certificate.read(tmp_path / "certificate.json") == certificate


def test_it_is_told_with_its_intervals() -> None:
    assert Certificate.model_validate(FIELDS).sentence() == (
        "meets the budget with 1.500 ms [1.400, 1.600] of 2.000 ms over 3 fresh processes (ok), "
        "test accuracy 0.9800 [0.9600, 0.9900]"
    )


@pytest.mark.parametrize("change", [{"verdict": "surely"}, {"median_ms": "fast"}, {"novelty": 1}])
def test_a_field_that_cannot_be_is_named(tmp_path: Path, change: dict[str, Any]) -> None:
    import json

    (tmp_path / "certificate.json").write_text(json.dumps(FIELDS | change))

    with pytest.raises(RunFolderError, match=f"field {next(iter(change))}"):
        Certificate.read(tmp_path / "certificate.json")
