"""Keep a password that stands in an address out of everything that is written or shown."""

import re
from typing import Final

HIDDEN: Final = "***"

# Up to the last @ of the address: a password may hold one, although it should be written %40.
_IN_AUTHORITY: Final = re.compile(r"(\b[a-z][\w+.-]*://[^\s:/@]*:)[^\s/]*(@)", re.IGNORECASE)
_IN_QUERY: Final = re.compile(r"([?&](?:password|passwd|sslpassword)=)[^&\s]*", re.IGNORECASE)


def masked(text: str) -> str:
    """Return the text with the password of every address in it replaced by `***`.

    The user, the host and the rest of the address stay, so that a reader can tell which it is.
    """
    return _IN_QUERY.sub(rf"\g<1>{HIDDEN}", _IN_AUTHORITY.sub(rf"\g<1>{HIDDEN}\g<2>", text))
