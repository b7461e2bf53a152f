"""How a network is trained: every setting of the loop in one place."""

import math
from dataclasses import asdict, dataclass, fields
from typing import Any, Final, Literal, get_args

from millinet.errors import ConfigError

Optimiser = Literal["sgd", "adamw"]
Precision = Literal["auto", "fp32", "bf16"]
Imbalance = Literal["ignore", "loss", "sampling"]

STRONGEST_RANDAUGMENT: Final = 30
"""RandAugment's magnitudes end here."""


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
    """How much of the shifts, turns and zooms the data set allows: 0 none, 1 all."""
    randaugment: int = 0
    """Magnitude of RandAugment, 0 to 30, where the data set allows other colours; 0 is off."""
    erasing: float = 0.0
    """Fraction of images in which a random rectangle is blanked, where the data set allows it."""
    mixup: float = 0.0
    """Beta parameter of mixup; 0 is off. With cutmix also on, each batch gets one of the two."""
    cutmix: float = 0.0
    """Beta parameter of CutMix; 0 is off."""
    stochastic_depth: float | None = None
    """Rate at the last residual branch, falling to 0 at the first, in networks that have such layers; None
    keeps the rates the network came with."""
    clip_norm: float | None = None
    """Largest norm of the gradient; None does not clip."""
    imbalance: Imbalance = "ignore"
    """loss weighs rare classes up, sampling draws them more often, ignore does neither."""
    distillation: float = 0.5
    """Share of the loss that is agreement with the teacher, where there is one, in [0, 1]."""
    temperature: float = 2.0
    """Softening of both sides of that agreement."""
    patience: int | None = None
    """Epochs without a better validation accuracy after which training ends; None trains to the end."""
    retries: int = 1
    """How often a training that diverged is begun again, each time at a tenth of the rate."""
    precision: Precision = "auto"
    """Of the forward pass; auto is bf16 on accelerators that have it, else fp32. Weights stay fp32."""
    channels_last: bool = True
    """Whether activations lie channels last; about twice as fast for depthwise convolutions on CPUs."""
    compile: bool = False
    """Whether torch.compile is used; pays off in long trainings only."""
    threads: int | None = None
    """Intra-op CPU threads while training; None leaves torch's setting."""

    def __post_init__(self) -> None:
        _check_at_least(1, epochs=self.epochs, batch_size=self.batch_size)
        _check_at_least(0, retries=self.retries)
        _check_positive(learning_rate=self.learning_rate, temperature=self.temperature)
        _check_fraction(
            momentum=self.momentum,
            warmup=self.warmup,
            label_smoothing=self.label_smoothing,
            ema_decay=self.ema_decay,
        )
        _check_share(augmentation=self.augmentation, erasing=self.erasing, distillation=self.distillation)
        _check_not_negative(weight_decay=self.weight_decay, mixup=self.mixup, cutmix=self.cutmix)
        if not 0 <= self.randaugment <= STRONGEST_RANDAUGMENT:
            raise ConfigError(f"randaugment must be in [0, {STRONGEST_RANDAUGMENT}], got {self.randaugment}")
        _check_one_of(Optimiser, optimiser=self.optimiser)
        _check_one_of(Precision, precision=self.precision)
        _check_one_of(Imbalance, imbalance=self.imbalance)
        self._check_optional()

    def _check_optional(self) -> None:
        if self.stochastic_depth is not None:
            _check_fraction(stochastic_depth=self.stochastic_depth)
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


def _check_share(**settings: float) -> None:
    for name, value in settings.items():
        if not 0.0 <= value <= 1.0:
            raise ConfigError(f"{name} must be a fraction in [0, 1], got {value}; 0 is none, 1 is all")


def _check_not_negative(**settings: float) -> None:
    for name, value in settings.items():
        if not 0.0 <= value < math.inf:
            raise ConfigError(f"{name} must be at least 0, got {value}; 0 is off")


def _check_one_of(choices: Any, **settings: str) -> None:
    for name, value in settings.items():
        if value not in get_args(choices):
            raise ConfigError(f"{name} must be one of {', '.join(get_args(choices))}, got {value!r}")
