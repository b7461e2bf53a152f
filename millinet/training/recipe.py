"""How a network is trained: every setting of the loop in one place."""

import math
from dataclasses import asdict, dataclass, fields
from typing import Any, Literal

from millinet.errors import ConfigError

Optimiser = Literal["sgd", "adamw"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Recipe:
    """Settings of one training; the same for every candidate of a search, so that they compare."""

    epochs: int
    """Passes over the training split."""
    batch_size: int = 128
    """Most images in one optimiser step."""
    optimiser: Optimiser = "sgd"
    """sgd has Nesterov momentum; adamw suits transformers and very short trainings."""
    learning_rate: float = 0.1
    """Peak rate of a step."""
    momentum: float = 0.9
    """Of sgd; the first beta of adamw."""
    weight_decay: float = 5e-4
    """On weights of two and more dimensions; norms and biases are never decayed."""
    warmup: float = 0.15
    """Fraction of the training in which the rate rises."""
    label_smoothing: float = 0.0
    """Share of each label spread over all classes, in [0, 1)."""
    ema_decay: float = 0.0
    """Decay per step of the averaged weights, which are then the result; 0 is off."""
    augmentation: float = 1.0
    """How much of what the data set allows: 0 none, 1 all."""
    clip_norm: float | None = None
    """Largest norm of the gradient; None does not clip."""
    patience: int | None = None
    """Epochs without a better validation accuracy after which training ends; None trains to the end."""
    threads: int | None = None
    """Intra-op CPU threads while training; None leaves torch's setting."""

    def __post_init__(self) -> None:
        _check_at_least(1, epochs=self.epochs, batch_size=self.batch_size)
        _check_positive(learning_rate=self.learning_rate)
        _check_fraction(
            momentum=self.momentum,
            warmup=self.warmup,
            label_smoothing=self.label_smoothing,
            ema_decay=self.ema_decay,
        )
        if not 0.0 <= self.augmentation <= 1.0:
            raise ConfigError(
                f"augmentation must be in [0, 1], got {self.augmentation}; 0 is none, 1 is full"
            )
        if self.weight_decay < 0.0 or not math.isfinite(self.weight_decay):
            raise ConfigError(f"weight_decay must be at least 0, got {self.weight_decay}")
        if self.clip_norm is not None:
            _check_positive(clip_norm=self.clip_norm)
        if self.patience is not None:
            _check_at_least(1, patience=self.patience)
        if self.threads is not None:
            _check_at_least(1, threads=self.threads)

    def as_dict(self) -> dict[str, Any]:
        """Return every setting, for a run's record."""
        return asdict(self)

    def __str__(self) -> str:
        """Name the settings that differ from their defaults, as `epochs 12, batch_size 64`."""
        told = [
            (field.name, getattr(self, field.name))
            for field in fields(self)
            if getattr(self, field.name) != field.default
        ]
        return ", ".join(f"{name} {value}" for name, value in told)


def _check_at_least(least: int, **settings: int) -> None:
    for name, value in settings.items():
        if value < least:
            raise ConfigError(f"{name} must be at least {least}, got {value}")


def _check_positive(**settings: float) -> None:
    for name, value in settings.items():
        if not 0.0 < value < math.inf:
            raise ConfigError(f"{name} must be positive, got {value}")


def _check_fraction(**settings: float) -> None:
    for name, value in settings.items():
        if not 0.0 <= value < 1.0:
            raise ConfigError(f"{name} must be a fraction in [0, 1), got {value}")
