"""What is proposed next, on a conditional space small enough to know everything of."""

from itertools import product
from math import exp, log

import numpy as np
import pytest

from nas.observation import Description, Observation
from nas.promise import PromiseConfig
from nas.proposal import ProposalConfig, Proposer, SpaceExhaustedError

Candidate = tuple[int, int, int, int]
"""Block type of two stages, and two sizes; the second size exists only where the second block is not 0."""

SPACE = [(a, b, c, d) for a, b, c, d in product(range(3), range(3), range(6), range(6)) if b or not d]


def latency_ms(candidate: Candidate) -> float:
    first, second, wide, deep = candidate
    return (1 + first) * (1 + wide) + (second * (1 + deep))


def loss(candidate: Candidate) -> float:
    return 1.0 / (1.0 + latency_ms(candidate)) + 0.02 * abs(candidate[0] - 1)


def describe(candidate: Candidate) -> Description:
    first, second, wide, deep = candidate
    choices = {"first": first, "second": second, "wide": wide} | ({"deep": deep} if second else {})
    return Description(candidate, choices, (log(latency_ms(candidate)),))


def draw(rng: np.random.Generator) -> Candidate:
    return SPACE[int(rng.integers(len(SPACE)))]


def edit(candidate: Candidate, rng: np.random.Generator) -> Candidate:
    near = [other for other in SPACE if sum(a != b for a, b in zip(candidate, other, strict=True)) == 1]
    return near[int(rng.integers(len(near)))]


def run(
    limit_ms: float, count: int, seed: int = 0, *, doubt: float = 0.0, is_told: bool = True
) -> list[Candidate]:
    """Propose candidates; one is trained if it and its doubt are within the limit."""
    proposer = Proposer(
        draw=draw,
        edit=edit,
        describe=describe,
        log_limit=log(limit_ms),
        config=ProposalConfig(num_random=60),
        promise=PromiseConfig(num_startup=6),
    )
    history: list[tuple[Candidate, Observation]] = []
    rng = np.random.default_rng(seed)
    for _ in range(count):
        candidate = proposer.propose(history, rng)
        time = latency_ms(candidate)
        reached = loss(candidate) if time * exp(doubt) <= limit_ms else None
        told = Observation(describe(candidate), log(time), reached, doubt=doubt if is_told else 0.0)
        history.append((candidate, told))
    return [candidate for candidate, _ in history]


def test_nothing_is_proposed_twice() -> None:
    proposed = run(8.0, 40)

    assert len(set(proposed)) == 40


def test_the_gate_closes_after_a_few_measurements() -> None:
    share = np.mean([latency_ms(candidate) <= 8.0 for candidate in SPACE])
    assert share < 0.4

    late = run(8.0, 40)[15:]

    assert np.mean([latency_ms(candidate) <= 8.0 for candidate in late]) >= 0.9


def test_the_best_inside_the_budget_is_found_in_an_eighth_of_the_space() -> None:
    best = min(loss(candidate) for candidate in SPACE if latency_ms(candidate) <= 8.0)

    found = min(loss(candidate) for candidate in run(8.0, len(SPACE) // 8) if latency_ms(candidate) <= 8.0)

    assert found == pytest.approx(best)


def test_the_same_seed_proposes_the_same() -> None:
    assert run(8.0, 12, seed=3) == run(8.0, 12, seed=3)


def test_a_function_that_was_trained_is_not_proposed_under_another_name() -> None:
    proposer = Proposer(
        draw=lambda rng: int(rng.integers(4)),
        edit=lambda candidate, rng: (candidate + 1) % 4,
        describe=lambda candidate: Description(candidate, {"x": candidate}, (), function=candidate % 2),
        log_limit=0.0,
    )
    trained = [(0, Observation(Description(0, {"x": 0}, (), function=0), -1.0, 0.5))]

    proposed = {proposer.propose(trained, np.random.default_rng(seed)) for seed in range(8)}

    assert proposed <= {1, 3}


def test_an_exhausted_space_says_so() -> None:
    proposer = Proposer(
        draw=lambda rng: 0,
        edit=lambda candidate, rng: 0,
        describe=lambda candidate: Description(candidate, {}, ()),
        log_limit=0.0,
    )

    with pytest.raises(SpaceExhaustedError, match="have been proposed; enlarge the space"):
        proposer.propose([(0, Observation(Description(0, {}, ())))], np.random.default_rng(0))


def test_where_noise_widens_intervals_proposals_keep_their_distance_from_the_limit() -> None:
    def share_inside(*, is_told: bool) -> float:
        proposed = [run(8.0, 40, seed, doubt=0.4, is_told=is_told)[10:] for seed in range(2)]
        certain = [latency_ms(one) * exp(0.4) <= 8.0 for each in proposed for one in each]
        return sum(certain) / len(certain)

    assert share_inside(is_told=True) > share_inside(is_told=False) + 0.2
