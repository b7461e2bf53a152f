"""The certificate: what was measured of a finished network, on which device, against which budget."""

import json
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, ValidationError

from millinet.errors import RunFolderError
from millinet.files import write_text


class Certificate(BaseModel):
    """What `certificate.json` holds. Latency is in milliseconds, accuracy a fraction in [0, 1]."""

    model_config = ConfigDict(extra="forbid")

    verdict: Literal["meets", "fails", "undecided"]
    """Whether the interval lies within the budget, over it, or across it."""
    budget: str
    """The budget as it was asked for."""
    budget_ms: float
    """The limit it came to on this device."""
    median_ms: float
    """Median latency."""
    low_ms: float
    """Lower end of the median's interval."""
    high_ms: float
    """Upper end of the median's interval."""
    p95_ms: float | None
    """95th percentile of single calls; null where calls are too few."""
    p95_low_ms: float | None = None
    """Lower end of its interval."""
    p95_high_ms: float | None = None
    """Upper end of its interval."""
    confidence: float
    """Coverage the intervals claim."""
    num_calls: int
    """Timed calls over all processes."""
    num_processes: int
    """Fresh processes measured."""
    test_accuracy: float | None
    """Accuracy on the test split, read for this certificate only; null where the data has no test split."""
    test_accuracy_low: float | None
    """Lower end of its interval (Wilson)."""
    test_accuracy_high: float | None
    """Upper end of its interval (Wilson)."""
    num_test_images: int | None = None
    """Images in the test split."""
    validation_accuracy: float | None = None
    """Accuracy on the validation split, which chose the network."""
    parameters: int
    """Trainable parameters."""
    macs: int
    """Multiply-adds for one image."""
    input_shape: list[int]
    """(channels, height, width) of one image."""
    architecture: str = ""
    """The network, readable."""
    fingerprint: str = ""
    """Hash of its architecture, where it is one of a space."""
    trial: int | None = None
    """The trial it came from."""
    device: dict[str, Any]
    """Description of the device."""
    settings: dict[str, Any]
    """Settings of the measurement."""
    status: Literal["ok", "noisy", "contended", "throttled"]
    """Whether the machine was fit to measure."""
    time: str
    """UTC, ISO 8601."""

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read a certificate back.

        Raises:
            RunFolderError: If the file is no certificate of this version.
        """
        try:
            return cls.model_validate(json.loads(path.read_text(encoding="utf-8")))
        except ValidationError as error:
            first = error.errors()[0]
            problem = f"field {'.'.join(map(str, first['loc']))}: {first['msg']}"
            raise RunFolderError(
                f"{path} is no certificate: {problem}; measure again with the same command"
            ) from error
        except (ValueError, OSError) as error:
            raise RunFolderError(
                f"{path} cannot be read: {error}; measure again with the same command"
            ) from error

    def sentence(self) -> str:
        """Say in one line what was measured."""
        accuracy = ""
        if self.test_accuracy is not None:
            low, high = self.test_accuracy_low, self.test_accuracy_high
            accuracy = f", test accuracy {self.test_accuracy:.4f} [{low:.4f}, {high:.4f}]"
        verdict = {"meets": "meets", "fails": "fails", "undecided": "may or may not meet"}[self.verdict]
        return (
            f"{verdict} the budget with {self.median_ms:.3f} ms [{self.low_ms:.3f}, {self.high_ms:.3f}] of "
            f"{self.budget_ms:.3f} ms over {self.num_processes} fresh processes ({self.status}){accuracy}"
        )

    def write(self, path: Path) -> None:
        """Write the certificate, atomically."""
        write_text(path, self.model_dump_json(indent=2) + "\n")
