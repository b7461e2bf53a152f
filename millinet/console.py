"""The console of every command: text is text, whoever wrote it."""

from collections.abc import Iterable
from typing import IO

import rich.console
from rich.segment import Segment

from millinet.visible import visible


class Console(rich.console.Console):
    """Prints lines as they are, neither broken nor coloured, with no character that steers the terminal.

    Args:
        file: Where to; None takes standard output.
        is_quiet: Print nothing.
        width: Columns; None asks the terminal.
    """

    def __init__(self, file: IO[str] | None = None, *, is_quiet: bool = False, width: int | None = None):
        super().__init__(
            file=file,
            quiet=is_quiet,
            width=width,
            soft_wrap=True,
            markup=False,
            emoji=False,
            highlight=False,
        )

    def render(
        self, renderable: rich.console.RenderableType, options: rich.console.ConsoleOptions | None = None
    ) -> Iterable[Segment]:
        """Render as rich does; whatever a text holds, only rich itself steers the terminal."""
        for segment in super().render(renderable, options):
            yield segment if segment.control else segment._replace(text=visible(segment.text))
