"""A search space: every architecture that a set of choices can spell."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from math import prod
from pathlib import Path
from typing import Any, Final, Protocol

import numpy as np

from millinet.errors import ConfigError
from millinet.tables import pick
from search_spaces.architecture import Architecture
from search_spaces.choices import Chosen, Slot
from search_spaces.description import Head, Stage, Stem
from search_spaces.layers import Layers
from search_spaces.options import Value, complete
from search_spaces.slots import make_slots
from search_spaces.space_record import SpaceRecord, read_toml, write_toml

PRESETS: Final = Path(__file__).parent / "presets"
LARGE_IMAGE: Final = 96
"""From this side on, in pixels, a preset takes its form for large images where it has one."""

Selection = tuple[Chosen | None, ...]


class Trial(Protocol):
    """What proposes values: an Optuna trial, or anything with this method."""

    def suggest_categorical(self, name: str, choices: Sequence[Any]) -> Any:
        """Return one of `choices` under `name`."""


@dataclass(frozen=True, kw_only=True)
class SearchSpace:
    """Architectures for one kind of image, stage by stage.

    Raises:
        ConfigError: If a name is unknown or a choice can never be completed.
    """

    record: SpaceRecord
    """The choices, as a TOML file spells them."""
    in_channels: int = 3
    """Channels of the image."""
    num_classes: int = 10
    """Classes told apart."""
    resolution: tuple[int, int] = (32, 32)
    """Height and width of the image, in pixels."""

    def __post_init__(self) -> None:
        optional = [number for number, stage in enumerate(self.record.stages) if stage.optional]
        last = len(self.record.stages) - 1
        if optional and (optional != [last] or last == 0):
            raise ConfigError(
                f"space {self.name!r}: only the last of several stages may be optional, got {optional} of "
                f"stages 0 to {last}"
            )
        try:
            sizes = [slot.size for slot in self.slots]
        except ConfigError as error:
            raise type(error)(f"space {self.name!r}: {error}") from error
        if not all(sizes):
            raise ConfigError(f"space {self.name!r} is empty")

    def __hash__(self) -> int:
        return hash(self.fingerprint)

    @property
    def name(self) -> str:
        """How messages call the space."""
        return self.record.name

    @cached_property
    def slots(self) -> tuple[Slot, ...]:
        """What is chosen, position by position: stem, stages, head, and the layers throughout."""
        return make_slots(self.record)

    @cached_property
    def size(self) -> int:
        """Number of architectures, exactly."""
        return prod(slot.size for slot in self.slots)

    @cached_property
    def fingerprint(self) -> str:
        """A hash of the choices and the images; 16 hexadecimal digits."""
        key = f"{self.to_toml()}{self.in_channels} {self.num_classes} {self.resolution}"
        return hashlib.sha256(key.encode()).hexdigest()[:16]

    def suggest(self, trial: Trial) -> Architecture:
        """Let a trial choose; parameters are named by position and block, as `s0.inverted.expand`."""
        return self._architecture(tuple(slot.walk(trial.suggest_categorical) for slot in self.slots))

    def params(self, architecture: Architecture) -> dict[str, Value]:
        """Return the parameters under which `suggest` gives `architecture`.

        Raises:
            ConfigError: If it is no point of this space; the message names the part that is not.
        """
        selection = self._locate(architecture)
        return {
            key: value
            for slot, chosen in zip(self.slots, selection, strict=True)
            for key, value in slot.params(chosen).items()
        }

    def sample(self, rng: np.random.Generator) -> Architecture:
        """Draw an architecture, each with the same probability, in one go."""
        return self._architecture(tuple(slot.at(int(rng.integers(slot.size))) for slot in self.slots))

    def neighbours(
        self, architecture: Architecture, rng: np.random.Generator | None = None
    ) -> list[Architecture]:
        """List every architecture one mutation away: one value changed, or one part exchanged.

        Args:
            architecture: A point of this space.
            rng: Shuffles the list; None keeps the order of the positions.
        """
        selection = self._locate(architecture)
        found = [
            self._architecture((*selection[:index], other, *selection[index + 1 :]))
            for index, slot in enumerate(self.slots)
            for other in slot.neighbours(selection[index])
        ]
        return found if rng is None else [found[index] for index in rng.permutation(len(found))]

    def mutate(self, architecture: Architecture, rng: np.random.Generator) -> Architecture:
        """Draw one of the neighbours, each with the same probability, without making the others.

        The only point of a space has none and is returned itself.
        """
        selection = self._locate(architecture)
        counts = [slot.num_neighbours(chosen) for slot, chosen in zip(self.slots, selection, strict=True)]
        if not any(counts):
            return architecture
        drawn = int(rng.integers(sum(counts)))
        index = int(np.searchsorted(np.cumsum(counts), drawn, side="right"))
        other = self.slots[index].neighbour(selection[index], drawn - sum(counts[:index]))
        return self._architecture((*selection[:index], other, *selection[index + 1 :]))

    def to_toml(self) -> str:
        """Write the choices, without what the images decide."""
        return write_toml(self.record)

    @classmethod
    def from_toml(cls, text: str, *, origin: str = "space", **images: Any) -> "SearchSpace":
        """Read what `to_toml` wrote or a person did.

        Args:
            text: The TOML.
            origin: Where it comes from, for messages.
            images: in_channels, num_classes and resolution.

        Raises:
            ConfigError: If it is no space; the message names the field.
        """
        return cls(record=read_toml(text, origin=origin), **images)

    def _architecture(self, selection: Selection) -> Architecture:
        stem, *stages, head, layers = selection
        if stem is None or head is None or layers is None:
            raise ConfigError(f"space {self.name!r}: stem, head and layers cannot be left out")
        return Architecture(
            in_channels=self.in_channels,
            num_classes=self.num_classes,
            resolution=self.resolution,
            stem=Stem(name=stem.variant.part_name, width=int(stem.values["width"]), options=_options(stem)),
            stages=tuple(_stage(chosen) for chosen in stages if chosen is not None),
            head=Head(name=head.variant.part_name, options=_options(head)),
            layers=Layers(**_options(layers)),  # type: ignore[arg-type]  # checked with the slot
        )

    def _locate(self, architecture: Architecture) -> Selection:
        """Find the choice at every position that spells `architecture`."""
        self._check_images(architecture)
        stem, head, layers = architecture.stem, architecture.head, architecture.layers
        wanted: list[tuple[str, str, Mapping[str, Value]]] = [
            (f"stem {stem}", stem.name, {"width": stem.width, **complete(stem.part, stem.options)}),
            *(
                (f"stage {number} {stage}", stage.block, _stage_values(stage))
                for number, stage in enumerate(architecture.stages)
            ),
        ]
        missing = len(self.slots) - 2 - len(wanted)
        if missing < 0 or missing > int(self.record.stages[-1].optional):
            raise ConfigError(
                f"space {self.name!r} has {len(self.record.stages)} stages, "
                f"the architecture {len(architecture.stages)}"
            )
        ends: list[tuple[str, str, Mapping[str, Value]]] = [
            (f"head {head}", head.name, complete(head.part, head.options)),
            (str(layers), "layers", asdict(layers)),
        ]
        body = self.slots[: len(wanted)]
        found = [self._find(slot, *part) for slot, part in zip(body, wanted, strict=True)]
        closing = [self._find(slot, *part) for slot, part in zip(self.slots[-2:], ends, strict=True)]
        return (*found, *([None] * missing), *closing)

    def _check_images(self, architecture: Architecture) -> None:
        ours = (self.in_channels, self.num_classes, self.resolution)
        theirs = (architecture.in_channels, architecture.num_classes, architecture.resolution)
        if ours != theirs:
            raise ConfigError(
                f"space {self.name!r} is for (channels, classes, resolution) {ours}, "
                f"the architecture for {theirs}"
            )

    def _find(self, slot: Slot, text: str, part_name: str, values: Mapping[str, Value]) -> Chosen:
        chosen = slot.find(part_name, values)
        if chosen is None:
            raise ConfigError(f"space {self.name!r} has no {text}; compare it with {slot.key} of the space")
        return chosen


def load_space(
    source: str | Path,
    *,
    in_channels: int = 3,
    num_classes: int = 10,
    resolution: tuple[int, int] = (32, 32),
) -> SearchSpace:
    """Load a preset by name, or a space from a TOML file, for images of one kind.

    A preset may have another form for large images, from 96 pixels on.

    Raises:
        ConfigError: If there is no such preset or file, or it holds no space.
    """
    path = Path(source)
    if path.suffix != ".toml":
        path = _preset(str(source), is_large=max(resolution) >= LARGE_IMAGE)
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"cannot read the space {str(source)!r}: {error}") from error
    return SearchSpace.from_toml(
        text, origin=str(source), in_channels=in_channels, num_classes=num_classes, resolution=resolution
    )


def _preset(name: str, *, is_large: bool) -> Path:
    files = {path.stem: path for path in PRESETS.glob("*.toml")}
    small = {stem: path for stem, path in files.items() if not stem.endswith("-large")}
    chosen = pick("space", name, small)
    return files.get(f"{name}-large", chosen) if is_large else chosen


def _stage(chosen: Chosen) -> Stage:
    depth, width, stride = (int(chosen.values[axis]) for axis in ("depth", "width", "stride"))
    return Stage(
        block=chosen.variant.part_name, depth=depth, width=width, stride=stride, options=_options(chosen)
    )


def _stage_values(stage: Stage) -> dict[str, Value]:
    common: dict[str, Value] = {"depth": stage.depth, "width": stage.width, "stride": stage.stride}
    return common | complete(stage.part, stage.options)


def _options(chosen: Chosen) -> dict[str, Value]:
    axes = chosen.variant.axes
    return {axis: value for axis, value in chosen.values.items() if axis in axes and axis != "width"}
