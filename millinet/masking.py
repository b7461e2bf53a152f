"""Keep a password that stands in an address out of everything that is written or shown."""

import ctypes
import re
import sys
from pathlib import Path
from typing import Final

HIDDEN: Final = "***"

_USER: Final = r"(\b[a-z][\w+.-]*://[^\s:/@]*:)"
_PATTERNS: Final = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        # Up to the last @ before another address: a password may hold one, a slash or a space, although they
        # should be written %40, %2F and %20.
        _USER + r"((?:(?!://).)*|\S*)(?=@)",
        # Without a host the password stands where a port would.
        _USER + r"(?!\d+\b|\*)([^\s/?@]+)(?![^\s/?])",
        r"((?:^|[?&\s])(?:password|passwd|sslpassword)\s*=\s*)('[^']*'|[^&\s]*)",
    )
)
# /proc/self/stat, counted from the field behind the program's name in brackets (proc(5)).
_TITLE_FIELDS: Final = slice(45, 47)


def masked(text: str) -> str:
    """Return the text with the password of every address in it replaced by `***`.

    The user, the host and the rest of the address stay, so that a reader can tell which it is.
    """
    for pattern in _PATTERNS:
        text = pattern.sub(rf"\g<1>{HIDDEN}", text)
    return text


def passwords_in(text: str) -> list[str]:
    """List the passwords of the addresses in a text, as they are written there."""
    found = []
    for pattern in _PATTERNS:
        found += [match[2] for match in pattern.finditer(text) if match[2]]
        text = pattern.sub(rf"\g<1>{HIDDEN}", text)
    return [password for password in found if password != HIDDEN]


def hide_from_title(text: str) -> None:
    """Overwrite the passwords of a text with stars where `ps` and `top` read this process's command line.

    On Linux only; elsewhere an address belongs into the environment.
    """
    if not sys.platform.startswith("linux"):
        return
    stat = Path("/proc/self/stat").read_text(encoding="ascii", errors="replace")
    first, last = map(int, stat.rpartition(")")[2].split()[_TITLE_FIELDS])
    if first == 0:
        return  # the system keeps the place to itself
    title = ctypes.string_at(first, last - first)
    for password in passwords_in(text):
        raw = password.encode()
        place = title.find(raw)
        while place >= 0:
            ctypes.memset(first + place, ord("*"), len(raw))
            place = title.find(raw, place + len(raw))
