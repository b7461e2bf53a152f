"""Name run folders after what they hold."""

import re
from pathlib import Path


def run_name(data: str, *parts: str) -> str:
    """Return a folder name for a data spec and what is done with it, the same for the same words.

    `folder:/home/me/flowers` and `tiny` give `flowers-tiny`.
    """
    scheme, _, rest = data.partition(":")
    words = [Path(rest).name or scheme if rest else scheme, *(Path(part).stem for part in parts)]
    return re.sub(r"[^A-Za-z0-9._-]+", "_", "-".join(words)).strip("._") or "run"
