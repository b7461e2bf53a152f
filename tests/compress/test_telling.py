"""A person is told which groups shrank, and why the others did not."""

from collections.abc import Callable

import pytest
from torch import Tensor, nn

from compress import prune
from compress.telling import budget_told, groups_told
from millinet.latency import Budget

Build = Callable[[str], nn.Module]


def test_the_groups_that_shrank_are_counted_and_the_others_have_their_reason(
    built: Build, images: Tensor
) -> None:
    pruned = prune(built("plain"), images, channel_ratio=0.5, min_channels=1, protect=("first",))

    assert groups_told(pruned) == (
        "1 of 3 groups of channels narrower; left alone: first is protected (1), it is the model's output (1)"
    )


def test_what_an_earlier_step_took_is_counted_too(built: Build, images: Tensor) -> None:
    pruned = prune(built("plain"), images, channel_ratio=0.4, steps=2, min_channels=1)

    assert groups_told(pruned).startswith("2 of 3 groups of channels narrower")


@pytest.mark.parametrize(("text", "told"), [("0.5x", "to 0.5x"), ("2ms@batch=8", "to 2ms@batch=8")])
def test_a_budget_is_told_as_it_was_asked_for(text: str, told: str) -> None:
    assert budget_told(Budget.parse(text)) == told
