"""Bars for the cells of a table."""

from markupsafe import Markup

from reports.drawing import Figure, Rectangle, inline_svg

_LENGTH = 160.0


def bar(filled: float, *, title: str, ground: float = 1.0, tone: str = "series1") -> Markup:
    """Draw a bar over a pale ground.

    Args:
        filled: Length of the bar, a fraction of the longest that can be drawn.
        title: What it shows, for those who cannot see it.
        ground: Length of the ground, a fraction as well.
        tone: Tone of the bar, one of the palette.
    """
    figure = Figure(_LENGTH, 18, title)
    figure.add(
        Rectangle(0, 3, max(_LENGTH * ground, 1), 12, "line", radius=2),
        Rectangle(0, 3, max(_LENGTH * filled, 1), 12, tone, radius=2),
    )
    return Markup(inline_svg(figure, css_class="bar"))
