"""How far apart candidates are, by their choices."""

import numpy as np
import pytest

from nas.encoding import Choices, Encoder
from nas.surrogate import distance


def apart(left: Choices, right: Choices, *others: Choices) -> float:
    encoder = Encoder()
    for choices in (left, right, *others):
        encoder.learn(choices)
    bits = encoder.encode([("left", left), ("right", right)])
    return float(distance(bits[:1], bits[1:], encoder.layout.share)[0, 0])


def test_two_values_of_a_category_are_one_apart() -> None:
    assert apart({"block": "basic"}, {"block": "plain"}, {"block": "fused"}) == 1.0


@pytest.mark.parametrize(("left", "right", "expected"), [(1, 2, 0.25), (1, 9, 1.0), (3, 9, 0.5), (5, 5, 0.0)])
def test_numbers_are_apart_by_the_steps_between_them(left: int, right: int, expected: float) -> None:
    others = [{"depth": depth} for depth in (9, 1, 5, 3, 2)]

    assert apart({"depth": left}, {"depth": right}, *others) == pytest.approx(expected)


@pytest.mark.parametrize(
    "others", [[{"x": 1}, {"x": 2}], [{"x": "b"}, {"x": "c"}]], ids=["order", "category"]
)
def test_what_is_inactive_is_half_way_from_every_value(others: list[Choices]) -> None:
    for active in others:
        assert apart({}, active, *others, {"x": others[0]["x"]}) == pytest.approx(0.5)


def test_a_choice_that_was_never_learnt_counts_as_inactive() -> None:
    encoder = Encoder()
    encoder.learn({"x": "a"})

    assert encoder.encode([(0, {"x": "b"}), (1, {"y": 1}), (2, {})]).tolist() == [[0.0], [0.0], [0.0]]


def test_truth_values_are_a_category() -> None:
    assert apart({"normed": True}, {"normed": False}) == 1.0


def test_columns_keep_their_numbers_when_values_are_added() -> None:
    encoder = Encoder()
    encoder.learn({"a": 1, "b": "x"})
    encoder.learn({"a": 3, "c": 2})
    before = encoder.layout
    encoder.learn({"a": 2})

    assert before.num_columns == encoder.layout.num_columns == 3
    assert np.unique(encoder.layout.column).tolist() == [0, 1, 2]
    assert (encoder.layout.column == 0).sum() == 4
