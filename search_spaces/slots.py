"""From the text of a space to its slots: which part a label means, and what its parameters are called."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Final, Literal

from millinet.errors import ConfigError
from millinet.tables import pick
from search_spaces.blocks import BLOCKS
from search_spaces.choices import Slot, Variant
from search_spaces.description import MOST
from search_spaces.heads import HEADS
from search_spaces.layers import Layers
from search_spaces.options import Value, canonical, complete, options_of
from search_spaces.part import Part
from search_spaces.space_record import SpaceRecord, StageChoices
from search_spaces.stems import STEMS

Axes = Mapping[str, list[Value]]

_TABLES: Final[Mapping[str, Mapping[str, type[Part]]]] = {"stem": STEMS, "block": BLOCKS, "head": HEADS}


class Throughout(Part):
    """Stands in for the layers, which are chosen once for the whole network."""

    def __init__(
        self,
        *,
        norm: str = "batch",
        activation: str = "relu",
        norm_eps: float = 1e-5,
        bias: Literal["auto", "always"] = "auto",
        drop_path: float = 0.0,
    ) -> None:
        super().__init__()
        self.layers = Layers(
            norm=norm, activation=activation, norm_eps=norm_eps, bias=bias, drop_path=drop_path
        )


def make_slots(record: SpaceRecord) -> tuple[Slot, ...]:
    """Return stem, stages, head and layers as slots, in that order.

    Raises:
        ConfigError: If a label means no part, or an axis is no option of it; the message names the position.
    """
    stem = tuple(_variant("stem", "stem", label, axes) for label, axes in record.stem.items())
    head = tuple(_variant("head", "head", label, axes) for label, axes in record.head.items())
    layers = tuple(_throughout(label, axes) for label, axes in record.layers.items())
    slots = (
        Slot(prefix="stem", key="stem", variants=stem),
        *(_stage_slot(number, stage) for number, stage in enumerate(record.stages)),
        Slot(prefix="head", key="head", variants=head),
        Slot(prefix="layers", key="layers", variants=layers),
    )
    slots = tuple(_with_multiple(slot, record.multiple_of) for slot in slots)
    for slot in slots:
        _check_distinct(slot)
    return slots


def _stage_slot(number: int, stage: StageChoices) -> Slot:
    prefix = f"s{number}"
    free: Axes = {"depth": list(stage.depth), "stride": list(stage.stride)}
    variants = tuple(
        _variant("block", prefix, label, axes, width=stage.width, free=free)
        for label, axes in stage.blocks.items()
    )
    return Slot(prefix=prefix, key=f"{prefix}.block", variants=variants, is_optional=stage.optional)


def _variant(
    kind: str,
    prefix: str,
    label: str,
    axes: Axes,
    *,
    width: list[int] | None = None,
    free: Axes | None = None,
) -> Variant:
    table = _TABLES[kind]
    names = axes.get(kind, [label])
    if len(names) != 1:
        raise ConfigError(f"{prefix}.{label}: {kind} names one part, got {names}; give each its own label")
    part = pick(kind, str(names[0]), table, group=f"{kind}s")
    own = {axis: tuple(values) for axis, values in axes.items() if axis != kind}
    keys = {axis: f"{prefix}.{label}.{axis}" for axis in own} | {
        axis: f"{prefix}.{axis}" for axis in free or {}
    }
    if width is not None and "width" not in own:
        own = {"width": tuple(width), **own}
        keys["width"] = f"{prefix}.width"
    _check_axes(f"{prefix}.{label}", kind, part, own)
    common = {axis: tuple(values) for axis, values in (free or {}).items()}
    return Variant(label=label, part_name=str(names[0]), part=part, axes=own, free=common, keys=keys)


def _check_axes(where: str, kind: str, part: type[Part], axes: Mapping[str, tuple[Value, ...]]) -> None:
    known = set(options_of(part))  # type: ignore[arg-type]  # mypy misses that a class is hashable
    has_width = kind in ("stem", "block")
    if has_width:
        known.add("width")
    for axis, values in axes.items():
        if axis not in known:
            raise ConfigError(f"{where}: no option {axis!r}; known: {', '.join(sorted(known)) or 'none'}")
        if not values or len({(type(value), value) for value in values}) != len(values):
            raise ConfigError(f"{where}.{axis} needs values, each listed once, got {list(values)}")
    if has_width and "width" not in axes:
        raise ConfigError(f"{where}: width is missing; list the channel counts to choose from")
    for width in axes.get("width", ()) if has_width else ():
        if type(width) is not int or not 1 <= width <= MOST:
            raise ConfigError(f"{where}.width must be whole numbers from 1 to {MOST}, got {width!r}")


def _with_multiple(slot: Slot, multiple_of: int) -> Slot:
    variants = (replace(variant, multiple_of=multiple_of) for variant in slot.variants)
    return replace(slot, variants=tuple(variants))


def _check_distinct(slot: Slot) -> None:
    """Refuse two labels for one choice: it would be counted, and drawn, twice."""
    owners: dict[tuple[object, ...], str] = {}
    for variant in slot.variants:
        for combination in variant.combinations:
            values = complete(variant.part, combination)
            key = (variant.part_name, *sorted((name, repr(value)) for name, value in values.items()))
            if owners.setdefault(key, variant.label) != variant.label:
                raise ConfigError(
                    f"{slot.key}: {owners[key]!r} and {variant.label!r} both allow {combination}; "
                    f"let them differ"
                )


def _throughout(label: str, axes: Axes) -> Variant:
    own = {axis: tuple(values) for axis, values in axes.items()}
    _check_axes(f"layers.{label}", "layers", Throughout, own)
    for axis, values in own.items():
        for value in values:
            Layers(**canonical(Throughout, {axis: value}))  # type: ignore[arg-type]  # checked by `canonical`
    keys = {axis: f"layers.{label}.{axis}" for axis in own}
    return Variant(label=label, part_name="layers", part=Throughout, axes=own, free={}, keys=keys)
