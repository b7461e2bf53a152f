"""The made-up space that samplers are compared on: what it calls the best is the best."""

from itertools import product

import numpy as np
import pytest

from benchmarks import conditional_space
from benchmarks.conditional_space import SIZE, ConditionalSpace, axes_of


def test_it_has_some_ten_to_the_twelve_networks() -> None:
    assert 1e12 < SIZE < 1e13


def test_the_best_inside_a_budget_is_that_of_all_networks_listed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conditional_space, "NUM_STAGES", 2)
    monkeypatch.setattr(conditional_space, "BLOCKS", ("basic", "plain"))
    space = ConditionalSpace()
    stages = [
        (block, tuple(int(value) for value in values))
        for block in ("basic", "plain")
        for values in np.ndindex(*axes_of(block).values())
    ]
    networks = [(space.cost(pair), space.utility(pair)) for pair in product(stages, stages)]
    limit = float(np.quantile([cost for cost, _ in networks], 0.1))

    best = space.best(limit)

    assert best == pytest.approx(max(utility for cost, utility in networks if cost <= limit))


def test_an_edit_changes_one_value_or_one_block() -> None:
    space = ConditionalSpace()
    rng = np.random.default_rng(0)
    candidate = space.draw(rng)

    for _ in range(50):
        edited = space.edit(candidate, rng)
        differing = [(old, new) for old, new in zip(candidate, edited, strict=True) if old != new]
        assert len(differing) == 1
        (block, values), (other, others) = differing[0]
        is_exchanged = block != other and values[:2] == others[:2]
        assert is_exchanged or sum(a != b for a, b in zip(values, others, strict=True)) == 1
