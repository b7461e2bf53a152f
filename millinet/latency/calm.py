"""Which visits count: those that nothing disturbed, as long as they are the rule and not the exception."""

from collections.abc import Sequence
from typing import Final, NamedTuple

from millinet.latency.visit import Visit

CALM_VISIT: Final = 0.9
"""Share of undisturbed calls from which a visit is calm.

With twice as many busy processes as cores, calm visits of ResNet-18 spread by 2.5% and all visits by 34%: a
disturbed call means that a neighbour was on the core just before, and the caches are its own.
"""
CONTENDED_SHARE: Final = 0.5
"""Share of undisturbed calls under which nothing is to be believed."""


class Kept(NamedTuple):
    """The visits an estimate rests on."""

    visits: list[Visit]
    share_calm: float
    """Fraction of the visits made that were calm."""
    share_undisturbed: float
    """Fraction of all calls made that nothing disturbed."""

    @property
    def status(self) -> str:
        """How fit the machine was: ok, noisy or contended."""
        if self.share_undisturbed < CONTENDED_SHARE:
            return "contended"
        return "ok" if self.share_calm >= 0.5 else "noisy"


def keep_calm(seen: Sequence[Visit]) -> Kept:
    """Keep the calm visits where at least half are; else all, for there is nothing better.

    Whether a visit is calm is read off the scheduler, never off the times, so leaving others out does not
    favour fast ones.
    """
    calm = [one for one in seen if one.share_undisturbed >= CALM_VISIT]
    share_undisturbed = sum(one.share_undisturbed for one in seen) / len(seen)
    is_rule = 2 * len(calm) >= len(seen)
    return Kept(calm if is_rule else list(seen), len(calm) / len(seen), share_undisturbed)
