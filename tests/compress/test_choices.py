"""Which widths a group may have, and what each of them loses."""

import math

import numpy as np
import pytest
import torch

from compress.channels import ChannelGroup, Slot
from compress.choices import allowed_widths, damage, pick_channels
from compress.config import PruneConfig


def group(num_channels: int, unit: int = 1) -> ChannelGroup:
    """Make a group of one producer, each channel of which stands for `unit` outputs."""
    places = tuple(tuple(range(start * unit, (start + 1) * unit)) for start in range(num_channels))
    return ChannelGroup(0, (Slot("layer", "out", places),))


@pytest.mark.parametrize(
    ("num_channels", "unit", "settings", "widths"),
    [
        # The step grows with the width up to eight.
        (10, 1, {}, [4, 5, 6, 7, 8, 9, 10]),
        (64, 1, {}, [8, 16, 24, 32, 40, 48, 56, 64]),
        # Four channels, or a tenth, stay at least; the full width is allowed whatever it is.
        (10, 1, {"min_channels": 1, "max_removed": 0.5}, [5, 6, 7, 8, 9, 10]),
        (20, 1, {"round_to": 8}, [8, 16, 20]),
        # On an accelerator eights, counted in outputs where a channel stands for several.
        (32, 1, {"device": "cuda"}, [8, 16, 24, 32]),
        (6, 4, {"round_to": 8, "min_channels": 8}, [2, 4, 6]),
        (6, 16, {"device": "cuda"}, [1, 2, 3, 4, 5, 6]),
    ],
)
def test_the_allowed_widths_are_those_worked_out_by_hand(
    num_channels: int, unit: int, settings: dict[str, object], widths: list[int]
) -> None:
    config = PruneConfig(macs_ratio=0.5, **settings)  # type: ignore[arg-type]

    assert allowed_widths(group(num_channels, unit), config).tolist() == widths


def test_the_damage_is_the_sum_while_little_goes_and_grows_as_a_group_empties() -> None:
    lost = damage(np.array([0.0, 0.01, 1.0, 2.0]), 2.0)

    assert lost[0] == 0.0
    assert lost[1] == pytest.approx(0.01, rel=0.01)
    assert lost[2] == pytest.approx(2.0 * math.log(2.0))
    assert lost[3] > 20.0


def test_the_best_channels_stay_in_their_order_and_the_earlier_of_equals() -> None:
    assert pick_channels(torch.tensor([1.0, 3.0, 2.0, 3.0, 1.0]), 4) == [0, 1, 2, 3]
