"""The sizes plots are drawn for: a desk and paper, or a phone."""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Canvas:
    """A size in pixels and the margins around the axes."""

    width: float
    height: float
    left: float = 52.0
    margin_right: float = 14.0
    top: float = 40.0
    margin_bottom: float = 46.0
    num_ticks: int = 8

    @property
    def right(self) -> float:
        """Pixel at which the x axis ends."""
        return self.width - self.margin_right

    @property
    def bottom(self) -> float:
        """Pixel at which the y axis starts."""
        return self.height - self.margin_bottom


WIDE: Final = Canvas(960, 460)
# A wide drawing shrunk to a phone has letters of four pixels, so the page carries this one as well.
NARROW: Final = Canvas(380, 360, left=44, num_ticks=4)
HALF: Final = Canvas(400, 260, left=48, top=36, num_ticks=5)
