from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from millinet.data.splits import stratified, stratified_folds
from millinet.errors import DataError


def keys(count: int) -> list[str]:
    return [f"image{index}" for index in range(count)]


def test_every_class_gives_its_share() -> None:
    labels = [0] * 10 + [1] * 20 + [2] * 70

    _, taken = stratified(labels, keys(100), fraction=0.2, salt="test")

    assert Counter(labels[index] for index in taken) == {0: 2, 1: 4, 2: 14}


def test_a_class_of_one_image_is_never_taken_from() -> None:
    kept, taken = stratified([0, 1, 1, 1, 1], keys(5), fraction=0.4, salt="test")

    assert 0 in kept
    assert len(taken) == 2


def test_classes_of_one_image_alone_cannot_be_split() -> None:
    with pytest.raises(DataError, match=r"at least 2 images, got 3 images in 3 classes"):
        stratified([0, 1, 2], keys(3), fraction=0.2, salt="test")


def test_the_order_of_a_listing_does_not_change_the_split() -> None:
    labels = [0, 1] * 20
    _, taken = stratified(labels, keys(40), fraction=0.25, salt="test")
    chosen = {keys(40)[index] for index in taken}

    _, again = stratified(labels[::-1], keys(40)[::-1], fraction=0.25, salt="test")

    assert {keys(40)[::-1][index] for index in again} == chosen


def test_another_salt_is_another_split() -> None:
    labels = [0, 1] * 50

    splits = {tuple(stratified(labels, keys(100), fraction=0.2, salt=salt)[1]) for salt in "abc"}

    assert len(splits) == 3


def test_adding_an_image_moves_at_most_the_border_of_a_split() -> None:
    _, before = stratified([0] * 100, keys(100), fraction=0.2, salt="test")

    _, after = stratified([0] * 101, keys(101), fraction=0.2, salt="test")

    assert len(set(before) - set(after)) <= 1


@given(
    labels=st.lists(st.integers(0, 5), min_size=2, max_size=80),
    fraction=st.floats(0.05, 0.9),
)
def test_a_split_loses_nothing_and_leaves_every_class_an_image(labels: list[int], fraction: float) -> None:
    if max(Counter(labels).values()) < 2:
        return

    kept, taken = stratified(labels, keys(len(labels)), fraction=fraction, salt="test")

    assert sorted([*kept, *taken]) == list(range(len(labels)))
    assert {labels[index] for index in kept} == set(labels)


@given(labels=st.lists(st.integers(0, 5), min_size=5, max_size=80), num_folds=st.integers(2, 5))
def test_folds_hold_each_image_once_and_differ_by_at_most_one(labels: list[int], num_folds: int) -> None:
    folds = stratified_folds(labels, keys(len(labels)), num_folds=num_folds, salt="fold")

    assert sorted(index for fold in folds for index in fold) == list(range(len(labels)))
    assert max(map(len, folds)) - min(map(len, folds)) <= 1
    for label in set(labels):
        counts = [sum(labels[index] == label for index in fold) for fold in folds]
        assert max(counts) - min(counts) <= 1
