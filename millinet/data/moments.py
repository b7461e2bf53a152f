"""Mean and deviation of a set's channels, remembered for as long as the set and its split are the same."""

import json
from contextlib import suppress
from typing import Final

from millinet.data.cache import cache_folder
from millinet.data.dataset import Split
from millinet.data.normalisation import channel_moments
from millinet.errors import RunFolderError
from millinet.files import write_text

FEWEST: Final = 2_000
"""For fewer images it is quicker to compute them than to look them up."""

Moments = tuple[tuple[float, ...], tuple[float, ...]]


def known_moments(train: Split, *, fingerprint: str) -> Moments:
    """Return mean and deviation of each channel, computed once for each set.

    Args:
        train: The training split.
        fingerprint: Of the set and its split; equal ones have equal pixels.
    """
    if len(train) < FEWEST:
        return channel_moments(train)
    store = cache_folder("moments") / f"{fingerprint}.json"
    try:
        mean, std = json.loads(store.read_text(encoding="utf-8"))
        return tuple(map(float, mean)), tuple(map(float, std))
    except (OSError, ValueError, TypeError):
        pass  # never computed, or nothing that can be used
    found = channel_moments(train)
    # Where nothing can be remembered it is computed again, which takes seconds.
    with suppress(RunFolderError):
        write_text(store, json.dumps(found) + "\n")
    return found
