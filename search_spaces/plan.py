"""Walk a description from the image to the logits: what every part receives and hands on.

Arithmetic only, so an impossible network is refused before a tensor exists.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from millinet.errors import ConfigError
from search_spaces.description import Head, Stage, Stem
from search_spaces.layers import Layers
from search_spaces.options import Value, complete
from search_spaces.part import Outgoing, Part, Place


class Planned(NamedTuple):
    """One part with the place it will stand in."""

    part: type[Part]
    place: Place
    options: Mapping[str, Value]
    """All options, defaults included."""
    outgoing: Outgoing
    """What it hands on."""

    def build(self) -> Part:
        """Make the part."""
        return self.part(self.place, **self.options)


class Plan(NamedTuple):
    """Every part of a network, in order."""

    stem: Planned
    stages: tuple[tuple[Planned, ...], ...]
    head: Planned
    image: Outgoing
    """Channels and resolution of the input."""


def plan(
    image: Outgoing, stem: Stem, stages: Sequence[Stage], head: Head, *, layers: Layers, num_classes: int
) -> Plan:
    """Place every part.

    Raises:
        ConfigError: If a part cannot stand where it is put; the message names the part and the numbers.
    """
    first = Place(
        in_channels=image.channels, out_channels=stem.width, resolution=image.resolution, layers=layers
    )
    planned_stem, state = _put(f"stem ({stem.name})", stem.part, first, stem.options)
    rates = _drop_rates(sum(stage.depth for stage in stages), layers.drop_path)
    planned_stages = []
    for number, stage in enumerate(stages):
        blocks = []
        for index in range(stage.depth):
            place = Place(
                in_channels=state.channels,
                out_channels=stage.width,
                resolution=state.resolution,
                streams=state.streams,
                stride=stage.stride if index == 0 else 1,
                index=index,
                drop_path=next(rates),
                layers=layers,
            )
            block, state = _put(f"stage {number} ({stage.block})", stage.part, place, stage.options)
            blocks.append(block)
        planned_stages.append(tuple(blocks))
        state = state._replace(streams=())
    last = Place(
        in_channels=state.channels, out_channels=num_classes, resolution=state.resolution, layers=layers
    )
    planned_head, _ = _put(f"head ({head.name})", head.part, last, head.options)
    return Plan(planned_stem, tuple(planned_stages), planned_head, image)


def _put(name: str, part: type[Part], place: Place, options: Mapping[str, Value]) -> tuple[Planned, Outgoing]:
    chosen = complete(part, options)
    try:
        part.check(place.out_channels, **chosen)
        outgoing = part.outgoing(place, **chosen)
    except ConfigError as error:
        raise ConfigError(f"{name}: {error}") from error
    if min(outgoing.resolution) < 1:
        height, width = place.resolution
        raise ConfigError(
            f"{name}: a feature map of {height}x{width} cannot shrink further; "
            f"use larger images or fewer strides"
        )
    return Planned(part, place, chosen, outgoing), outgoing


def _drop_rates(num_blocks: int, last: float) -> Iterator[float]:
    return iter([last * index / max(1, num_blocks - 1) for index in range(num_blocks)])
