"""Parameters and multiply-adds of every block equal their closed form, worked out from its description."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import pytest

from search_spaces import BLOCKS, Architecture, Stage, Stem
from search_spaces.costs import part_costs


class Size(NamedTuple):
    """Input and output width, and the side of the input and output maps."""

    before: int
    after: int
    side_before: int
    side_after: int


@dataclass(frozen=True)
class Cost:
    parameters: int
    macs: int = 0

    def __add__(self, other: "Cost") -> "Cost":
        return Cost(self.parameters + other.parameters, self.macs + other.macs)


def conv(before: int, after: int, side: int, *, kernel: int = 1, groups: int = 1, extra: int = 2) -> Cost:
    """A convolution at an output side, with `extra` parameters a channel: 2 of a norm, or 1 of a bias."""
    weights = before // groups * after * kernel**2
    return Cost(weights + extra * after, weights * side**2)


def shortcut(size: Size) -> Cost:
    if size.before == size.after and size.side_before == size.side_after:
        return Cost(0)
    return conv(size.before, size.after, size.side_after)


def basic(s: Size) -> Cost:
    first = conv(s.before, s.after, s.side_after, kernel=3)
    return first + conv(s.after, s.after, s.side_after, kernel=3) + shortcut(s)


def bottleneck(s: Size) -> Cost:
    middle = s.after // 4
    narrow = conv(s.before, middle, s.side_before) + conv(middle, middle, s.side_after, kernel=3)
    return narrow + conv(middle, s.after, s.side_after) + shortcut(s)


def inverted(s: Size) -> Cost:
    hidden = 6 * s.before
    spread = conv(hidden, hidden, s.side_after, kernel=3, groups=hidden)
    return conv(s.before, hidden, s.side_before) + spread + conv(hidden, s.after, s.side_after)


def fused(s: Size) -> Cost:
    hidden = 4 * s.before
    return conv(s.before, hidden, s.side_after, kernel=3) + conv(hidden, s.after, s.side_after)


def plain(s: Size) -> Cost:
    return conv(s.before, s.after, s.side_after, kernel=3)


def repvgg(s: Size) -> Cost:
    identity = 2 * s.after if s.before == s.after and s.side_before == s.side_after else 0
    return plain(s) + conv(s.before, s.after, s.side_after) + Cost(identity)


def step(s: Size) -> Cost:
    """The norm and 2x2 convolution between stages, where the shape changes."""
    if s.before == s.after and s.side_before == s.side_after:
        return Cost(0)
    kernel = s.side_before // s.side_after
    return conv(s.before, s.after, s.side_after, kernel=kernel, extra=1) + Cost(2 * s.before)


def perceptron(width: int, side: int) -> Cost:
    return conv(width, 4 * width, side, extra=1) + conv(4 * width, width, side, extra=1)


def convnext(s: Size) -> Cost:
    spread = conv(s.after, s.after, s.side_after, kernel=7, groups=s.after)
    return step(s) + spread + perceptron(s.after, s.side_after) + Cost(s.after)


def gnconv(s: Size) -> Cost:
    width, side = s.after, s.side_after
    orders = [width // 4, width // 2, width]
    joint = sum(orders)
    gated = conv(width, 2 * width, side, extra=1) + conv(joint, joint, side, kernel=7, groups=joint, extra=1)
    for before, after in ((orders[0], orders[1]), (orders[1], orders[2]), (width, width)):
        gated += conv(before, after, side, extra=1)
    norms_and_scales = 2 * 2 * width + 2 * width
    return step(s) + gated + perceptron(width, side) + Cost(norms_and_scales)


def dual_path(s: Size) -> Cost:
    inner = conv(s.before, 96, s.side_before) + conv(96, 96, s.side_after, kernel=3, groups=32)
    return inner + conv(96, s.after + 16, s.side_after) + conv(s.before, s.after + 16, s.side_after)


def dual_path_pre(s: Size) -> Cost:
    inner = conv(s.before, 96, s.side_before, extra=0)
    inner += conv(96, 96, s.side_after, kernel=3, groups=32, extra=0)
    outer = conv(96, s.after + 16, s.side_after, extra=0)
    outer += conv(s.before, s.after + 2 * 16, s.side_after, extra=0)
    return inner + outer + Cost(2 * (2 * s.before + 2 * 96))


CLOSED_FORMS: dict[str, Callable[[Size], Cost]] = {
    "basic": basic,
    "bottleneck": bottleneck,
    "convnext": convnext,
    "dual_path": dual_path,
    "dual_path_pre": dual_path_pre,
    "fused": fused,
    "gnconv": gnconv,
    "inverted": inverted,
    "plain": plain,
    "repvgg": repvgg,
}


def test_every_block_has_a_closed_form() -> None:
    assert CLOSED_FORMS.keys() == BLOCKS.keys()


@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize(("before", "after"), [(16, 16), (16, 32)])
@pytest.mark.parametrize("block", sorted(BLOCKS))
def test_a_block_costs_what_its_closed_form_predicts(
    block: str, before: int, after: int, stride: int
) -> None:
    described = Architecture(
        in_channels=3,
        num_classes=2,
        resolution=(16, 16),
        stem=Stem(name="conv3", width=before),
        stages=(Stage(block=block, depth=1, width=after, stride=stride),),
    )

    costs = part_costs(described.plan().stages[0][0])

    expected = CLOSED_FORMS[block](Size(before, after, 16, 16 // stride))
    assert Cost(costs.parameters, costs.macs) == expected
