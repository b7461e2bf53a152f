"""A made-up conditional space of some 10^12 networks whose best inside any budget is known exactly.

Four stages, each of one of six blocks; depth and width are chosen for every block, further options only for
the block that has them. The utility of a network is a sum over its stages and over pairs of neighbouring
blocks; its cost is a sum over stages of a product. Sums over a chain are maximised exactly by dynamic
programming, so regret is against the true best. All constants are drawn from one fixed seed.
"""

from collections.abc import Mapping
from functools import cached_property
from itertools import pairwise, product
from math import log, prod
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from nas.observation import Description

NUM_STAGES: Final = 4
COMMON: Final[Mapping[str, int]] = {"depth": 4, "width": 5}
OPTIONS: Final[Mapping[str, Mapping[str, int]]] = {
    "basic": {"squeeze": 2},
    "bottleneck": {"expand": 3, "groups": 3, "squeeze": 2},
    "inverted": {"expand": 4, "kernel": 3, "squeeze": 2},
    "convnext": {"kernel": 3, "expand": 3},
    "dual_path": {"middle": 4, "dense": 3},
    "plain": {"kernel": 2, "then": 3},
}
BLOCKS: Final = tuple(OPTIONS)

Stage = tuple[str, tuple[int, ...]]
"""A block, and the index of each value: depth, width, then the block's own options."""
Candidate = tuple[Stage, ...]


class Front(NamedTuple):
    """What can be reached at which cost, nothing in it beaten by another."""

    cost: NDArray[np.float64]
    utility: NDArray[np.float64]


def axes_of(block: str) -> dict[str, int]:
    """Return the number of values of each axis of a block."""
    return {**COMMON, **OPTIONS[block]}


SIZE: Final = sum(prod(axes_of(block).values()) for block in BLOCKS) ** NUM_STAGES


class ConditionalSpace:
    """The space, with its utility, its cost, and the best inside a budget."""

    def __init__(self, *, seed: int = 2026) -> None:
        rng = np.random.default_rng(seed)
        self._quality = rng.normal(0.0, 0.6, (NUM_STAGES, len(BLOCKS)))
        self._pairs = rng.normal(0.0, 0.4, (NUM_STAGES - 1, len(BLOCKS), len(BLOCKS)))
        self._gain = {
            (stage, block, axis): np.sort(rng.exponential(0.4, count))
            if axis in COMMON
            else rng.normal(0, 0.3, count)
            for stage in range(NUM_STAGES)
            for block in BLOCKS
            for axis, count in axes_of(block).items()
        }
        self._factor = {
            (block, axis): np.sort(rng.uniform(1.0, 1.0 + 0.5 * count, count))
            for block in BLOCKS
            for axis, count in axes_of(block).items()
        }
        self._base = rng.uniform(0.5, 2.0, (NUM_STAGES, len(BLOCKS)))

    def draw(self, rng: np.random.Generator) -> Candidate:
        """Draw a network: blocks, then values, each with the same probability."""
        return tuple(self._draw_stage(BLOCKS[int(rng.integers(len(BLOCKS)))], rng) for _ in range(NUM_STAGES))

    def edit(self, candidate: Candidate, rng: np.random.Generator) -> Candidate:
        """Change one value, or exchange one block with as little else as possible."""
        place = int(rng.integers(NUM_STAGES))
        block, values = candidate[place]
        counts = list(axes_of(block).values())
        axis = int(rng.integers(len(counts) + 1))
        if axis == len(counts):
            others = [other for other in BLOCKS if other != block]
            other, drawn = self._draw_stage(others[int(rng.integers(len(others)))], rng)
            stage: Stage = (other, (*values[: len(COMMON)], *drawn[len(COMMON) :]))
        else:
            shifted = (values[axis] + 1 + int(rng.integers(counts[axis] - 1))) % counts[axis]
            stage = (block, (*values[:axis], shifted, *values[axis + 1 :]))
        return (*candidate[:place], stage, *candidate[place + 1 :])

    def choices(self, candidate: Candidate) -> dict[str, str | int]:
        """Name the choices as a space of the toolkit does: `s0.block`, `s0.depth`, `s0.inverted.expand`."""
        found: dict[str, str | int] = {}
        for place, (block, values) in enumerate(candidate):
            found[f"s{place}.block"] = block
            for axis, value in zip(axes_of(block), values, strict=True):
                found[f"s{place}.{axis}" if axis in COMMON else f"s{place}.{block}.{axis}"] = value
        return found

    def describe(self, candidate: Candidate) -> Description:
        """Describe a network to a proposer; as for real networks, what it costs on paper is a feature."""
        paper = sum(
            (values[0] + 1) * (values[1] + 1) ** 2 * (1.0 + sum(values[2:])) for _, values in candidate
        )
        return Description(candidate, self.choices(candidate), (log(paper),))

    def utility(self, candidate: Candidate) -> float:
        """Return what is maximised."""
        blocks = [BLOCKS.index(block) for block, _ in candidate]
        own = sum(self._stage_utility(place, *stage) for place, stage in enumerate(candidate))
        return own + sum(
            float(self._pairs[place, before, after]) for place, (before, after) in enumerate(pairwise(blocks))
        )

    def cost(self, candidate: Candidate) -> float:
        """Return the latency, in ms of a device that does not exist."""
        return sum(self._stage_cost(place, *stage) for place, stage in enumerate(candidate))

    def best(self, limit: float) -> float:
        """Return the highest utility of any network whose cost is at most `limit`."""
        return float(self.front.utility[self.front.cost <= limit].max())

    @cached_property
    def front(self) -> Front:
        """The exact front of utility against cost, by dynamic programming over the stages."""
        reached = [self._stage_front(0, block) for block in BLOCKS]
        for place in range(1, NUM_STAGES):
            reached = [
                _pruned(
                    [
                        _added(
                            before,
                            self._stage_front(place, block),
                            float(self._pairs[place - 1, index, number]),
                        )
                        for index, before in enumerate(reached)
                    ]
                )
                for number, block in enumerate(BLOCKS)
            ]
        return _pruned(reached)

    def _draw_stage(self, block: str, rng: np.random.Generator) -> Stage:
        return block, tuple(int(rng.integers(count)) for count in axes_of(block).values())

    def _stage_utility(self, place: int, block: str, values: tuple[int, ...]) -> float:
        gains = zip(axes_of(block), values, strict=True)
        own = sum(float(self._gain[place, block, axis][value]) for axis, value in gains)
        return own + float(self._quality[place, BLOCKS.index(block)])

    def _stage_cost(self, place: int, block: str, values: tuple[int, ...]) -> float:
        factors = zip(axes_of(block), values, strict=True)
        return float(self._base[place, BLOCKS.index(block)]) * prod(
            float(self._factor[block, axis][value]) for axis, value in factors
        )

    def _stage_front(self, place: int, block: str) -> Front:
        points = list(product(*(range(count) for count in axes_of(block).values())))
        cost = np.array([self._stage_cost(place, block, values) for values in points])
        utility = np.array([self._stage_utility(place, block, values) for values in points])
        return _pruned([Front(cost, utility)])


def _added(first: Front, second: Front, bonus: float) -> Front:
    cost = first.cost[:, None] + second.cost[None, :]
    utility = first.utility[:, None] + second.utility[None, :] + bonus
    return Front(cost.ravel(), utility.ravel())


def _pruned(fronts: list[Front]) -> Front:
    cost = np.concatenate([front.cost for front in fronts])
    utility = np.concatenate([front.utility for front in fronts])
    order = np.lexsort((-utility, cost))
    cost, utility = cost[order], utility[order]
    is_better = np.concatenate([[True], utility[1:] > np.maximum.accumulate(utility)[:-1]])
    return Front(cost[is_better], utility[is_better])
