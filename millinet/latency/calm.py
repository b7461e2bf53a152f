"""Which visits count, and how far busy neighbours may have moved all of them."""

from collections.abc import Sequence
from math import sqrt
from statistics import median, quantiles
from typing import Final, NamedTuple

from millinet.latency.stopping import LONGEST_PAUSE
from millinet.latency.visit import Visit, calm_calls

CALM_VISIT: Final = 0.9
"""Share of undisturbed calls from which a visit is calm.

With twice as many busy processes as cores, calm visits of ResNet-18 spread by 2.5% and all visits by 34%: a
disturbed call means that a neighbour was on the core just before, and the caches are its own.
"""
ENOUGH_CALM: Final = 5
"""Calm visits that are enough, however many others there were."""
CONTENDED_SHARE: Final = 0.5
"""Share of undisturbed calls under which nothing is to be believed."""
UNSTEADY: Final = 0.06
"""Spread of single calls within a visit, as a fraction of their median, from which the machine is noisy.

Neighbours in the shared cache never show in the scheduler, but calls spread beside them: those of MobileNetV2
by 11% while it shifted by up to 17% for tens of seconds, those of ResNet-20 by 1.3% while it shifted by 1%.
So the root of what the spread exceeds this by is doubt: 18% at a spread of 9.4%, 44% at one of 25%. With 0.7
of the root 86% of MobileNetV2's sequences covered (benchmarks/results/latency_streams_less_doubt.json).
"""
NOISY_DOUBT: Final = 0.05
"""Doubt where calm visits are the exception, as a fraction."""


class Kept(NamedTuple):
    """The visits an estimate rests on."""

    visits: list[Visit]
    share_calm: float
    """Fraction of the visits made that were calm."""
    share_undisturbed: float
    """Fraction of all calls made that nothing disturbed."""
    spread: float
    """Typical distance between the quartiles of a visit's calls, as a fraction of their median."""

    @property
    def status(self) -> str:
        """How fit the machine was: ok, noisy or contended."""
        if self.share_undisturbed < CONTENDED_SHARE:
            return "contended"
        return "ok" if self.share_calm >= 0.5 and self.spread < UNSTEADY else "noisy"

    @property
    def doubt(self) -> float:
        """What neighbours may have done to every visit alike, as a fraction; 0 on a machine at rest."""
        crowding = 0.0 if self.share_calm >= 0.5 else NOISY_DOUBT
        return crowding + sqrt(max(0.0, self.spread - UNSTEADY))


def keep_calm(seen: Sequence[Visit]) -> Kept:
    """Keep the calm visits where half of all or five are; else all, for there is nothing better.

    Whether a visit is calm is read off the scheduler, never off the times, so leaving others out does not
    favour fast ones.
    """
    calm = [one for one in seen if one.share_undisturbed >= CALM_VISIT]
    are_enough = 2 * len(calm) >= len(seen) or len(calm) >= ENOUGH_CALM
    visits = calm if are_enough else list(seen)
    return Kept(
        visits=visits,
        share_calm=len(calm) / len(seen),
        share_undisturbed=sum(one.share_undisturbed for one in seen) / len(seen),
        spread=median(_spread(one) for one in visits),
    )


def pauses(seen: Sequence[Visit]) -> int:
    """Return how many pauses to make before the next visit: none before the first, more on a busy machine.

    What keeps the machine busy is often over in seconds, and a measurement that gives up at once has to be
    made again.
    """
    calm = (one.share_undisturbed >= CONTENDED_SHARE for one in reversed(seen))
    num_contended = next((count for count, is_calm in enumerate(calm) if is_calm), len(seen))
    return min(2**num_contended, LONGEST_PAUSE) if seen else 0


def _spread(visit: Visit) -> float:
    times_ms = calm_calls(visit.candidate)
    lower, middle, upper = quantiles(times_ms, n=4) if len(times_ms) > 1 else times_ms * 3
    return (upper - lower) / middle
