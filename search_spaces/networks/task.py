"""What a network is asked to classify."""

from collections.abc import Sequence
from dataclasses import dataclass

from search_spaces.architecture import Architecture
from search_spaces.description import Head, Stage, Stem
from search_spaces.layers import Layers


@dataclass(frozen=True, kw_only=True, slots=True)
class Task:
    """Images and classes a named network is made for."""

    num_classes: int
    in_channels: int
    resolution: tuple[int, int]

    def architecture(
        self, stem: Stem, stages: Sequence[Stage], head: Head | None = None, layers: Layers | None = None
    ) -> Architecture:
        """Complete a body to an architecture; by default a dense head, batch norm and ReLU."""
        return Architecture(
            in_channels=self.in_channels,
            num_classes=self.num_classes,
            resolution=self.resolution,
            stem=stem,
            stages=tuple(stages),
            head=head or Head(),
            layers=layers or Layers(),
        )
