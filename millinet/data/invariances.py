"""What may be done to the images of a data set without changing their labels.

A photograph of a cat is a cat when mirrored; a mirrored 2 is no digit. So the data set says what is allowed
and the recipe only says how strongly to use it.
"""

from dataclasses import dataclass
from typing import Final

from millinet.errors import ConfigError


@dataclass(frozen=True, kw_only=True, slots=True)
class Invariances:
    """The changes that keep a label, at full strength."""

    max_shift: float = 0.125
    """Largest shift along each axis, as a fraction of the side; 0.125 is the usual 4 of 32 pixels."""
    max_rotation_degrees: float = 0.0
    """Largest rotation either way."""
    max_zoom: float = 0.0
    """Largest relative change of size either way, in [0, 1)."""
    has_mirror: bool = False
    """Whether left and right may be exchanged."""
    has_colour: bool = False
    """Whether brightness, contrast and hue may change (RandAugment, erasing)."""

    def __post_init__(self) -> None:
        if not 0.0 <= self.max_shift < 1.0 or not 0.0 <= self.max_zoom < 1.0:
            raise ConfigError(
                f"max_shift and max_zoom must be in [0, 1), got {self.max_shift} and {self.max_zoom}; "
                f"an eighth is 0.125"
            )
        if not 0.0 <= self.max_rotation_degrees <= 180.0:
            raise ConfigError(f"max_rotation_degrees must be in [0, 180], got {self.max_rotation_degrees}")


GLYPHS: Final = Invariances(max_shift=0.125, max_rotation_degrees=10.0, max_zoom=0.1)
"""Written signs: a small shift, slant and size, and nothing that turns one sign into another."""

PHOTOGRAPHS: Final = Invariances(max_shift=0.125, has_mirror=True, has_colour=True)
"""Pictures of things: also mirrored and in other light."""

NOTHING_KNOWN: Final = Invariances(max_shift=0.0)
"""Images of which nothing is known: left as they are."""
