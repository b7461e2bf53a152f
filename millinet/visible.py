"""Make text from elsewhere safe to show: what would steer a terminal is written out instead."""

import re
from typing import Final

# Control characters but tab and new line, marks that turn the direction of writing, other line separators,
# and halves of characters, as file names that are no UTF-8 have them: no stream takes those.
_STEERING: Final = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]"
)


def visible(text: str) -> str:
    r"""Return the text with every control character as its escape, such as `\x1b`.

    Names of classes, files and studies, and causes of failure, come from data sets and databases that anyone
    may have written; shown as they are they could recolour a terminal, rename its window or hide a line.
    """
    return _STEERING.sub(lambda found: ascii(found[0])[1:-1], text)
