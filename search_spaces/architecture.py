"""A network as a description: frozen, comparable, exact in JSON, and built when asked."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from torch import nn

from millinet.costs import Costs
from millinet.errors import ConfigError
from search_spaces.costs import plan_costs, plan_tally
from search_spaces.description import Head, Stage, Stem
from search_spaces.initialise import initialise
from search_spaces.layers import Layers
from search_spaces.network import Network
from search_spaces.part import Join, Outgoing
from search_spaces.plan import Plan, Planned, plan
from search_spaces.record import read_record, to_json
from search_spaces.tally import Tally


@dataclass(frozen=True, kw_only=True, slots=True)
class Architecture:
    """A classifier as a point of a search space.

    Everything is checked when it is made, by arithmetic alone: an impossible combination is refused with the
    stage and its numbers before a tensor exists.

    Raises:
        ConfigError: If a name is unknown or the numbers cannot work together.
    """

    in_channels: int
    """Channels of the image."""
    num_classes: int
    """Classes told apart, at least 1."""
    resolution: tuple[int, int]
    """Height and width of the image, in pixels."""
    stem: Stem
    """From the image to the first feature map."""
    stages: tuple[Stage, ...]
    """The body, in order."""
    head: Head = field(default_factory=Head)
    """From the last feature map to the logits."""
    layers: Layers = field(default_factory=Layers)
    """Norm, activation and bias throughout."""

    def __post_init__(self) -> None:
        for name, value in (("in_channels", self.in_channels), ("num_classes", self.num_classes)):
            if value < 1:
                raise ConfigError(f"{name} must be at least 1, got {value}")
        if len(self.resolution) != 2 or min(self.resolution) < 1:
            raise ConfigError(f"resolution must be (height, width) in pixels, got {self.resolution}")
        if not self.stages:
            raise ConfigError("an architecture needs at least one stage, got none")
        self.plan()

    @property
    def blocks(self) -> tuple[str, ...]:
        """The block of each stage."""
        return tuple(stage.block for stage in self.stages)

    @property
    def head_name(self) -> str:
        """The name of the head."""
        return self.head.name

    @property
    def fingerprint(self) -> str:
        """A hash of the whole description, the same in every process and version; 16 hexadecimal digits."""
        return hashlib.sha256(self.to_json().encode()).hexdigest()[:16]

    def plan(self) -> Plan:
        """Say what every part receives and hands on, without building any."""
        image = Outgoing(self.in_channels, self.resolution)
        return plan(
            image, self.stem, self.stages, self.head, layers=self.layers, num_classes=self.num_classes
        )

    def build(self, *, include_top: bool = True) -> Network:
        """Make the model, freshly initialised from torch's global generator.

        Args:
            include_top: Without the head, the model returns its last feature map (N, channels, h, w).
        """
        planned = self.plan()
        stages = [_build_stage(stage) for stage in planned.stages]
        model = Network(planned.stem.build(), stages, planned.head.build() if include_top else None)
        initialise(model)
        return model

    def tally(self) -> Tally:
        """Count parameters and multiply-adds for one image by closed forms: for pricing many candidates."""
        return plan_tally(self.plan())

    def costs(self) -> Costs:
        """Count parameters, multiply-adds and activations for one image, without allocating a weight.

        Parts never met before are run on the meta device, some ten milliseconds each; `tally` is faster.
        """
        return plan_costs(self.plan())

    def to_json(self) -> str:
        """Write the description as canonical JSON on one line."""
        return to_json(self)

    @classmethod
    def from_json(cls, text: str) -> "Architecture":
        """Read what `to_json` wrote.

        Raises:
            ConfigError: If the text is no architecture; the message names the field.
        """
        record = read_record(text)
        return cls(
            in_channels=record.in_channels,
            num_classes=record.num_classes,
            resolution=(record.resolution[0], record.resolution[1]),
            stem=Stem(**record.stem.model_dump()),
            stages=tuple(_stage(number, stage.model_dump()) for number, stage in enumerate(record.stages)),
            head=Head(**record.head.model_dump()),
            layers=Layers(**record.layers.model_dump()),
        )

    def __str__(self) -> str:
        return " > ".join(str(part) for part in (self.stem, *self.stages, self.head))


def _build_stage(blocks: Sequence[Planned]) -> nn.Sequential:
    ending = [Join()] if blocks[-1].outgoing.streams else []
    return nn.Sequential(*(block.build() for block in blocks), *ending)


def _stage(number: int, content: dict[str, Any]) -> Stage:
    try:
        return Stage(**content)
    except ConfigError as error:
        raise ConfigError(f"stage {number}: {error}") from error
