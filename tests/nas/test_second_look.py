"""Evidence as a feature: what it said of trained candidates decides how far it is followed."""

import numpy as np
import pytest

from nas.observation import Description, Observation
from nas.promise import PromiseConfig
from nas.second_look import SecondLook, Shortlisted, common_scale

NUM_STARTUP = 8


def described(number: int) -> Description:
    return Description(number, {"a": number % 3, "b": number % 2}, (float(number % 5),))


def trained(*, count: int, slope: float) -> list[Observation]:
    """Return candidates whose loss falls with their evidence by `slope`, and depends on nothing else."""
    evidence = np.random.default_rng(0).permutation(np.linspace(-2.0, 2.0, count))
    return [
        Observation(described(number), loss=1.0 - slope * told, evidence=(told,))
        for number, told in enumerate(evidence.tolist())
    ]


def shortlist() -> list[Shortlisted[int]]:
    """Return candidates that promise the same."""
    return [Shortlisted(number, described(number), 0.0) for number in (101, 102, 103, 104)]


def chosen(observed: list[Observation], evidence: dict[int, tuple[float, ...] | None]) -> int:
    look: SecondLook[int] = SecondLook(evidence.__getitem__, PromiseConfig(num_startup=NUM_STARTUP))
    return look.choose(shortlist(), observed, np.random.default_rng(0))


EVIDENCE: dict[int, tuple[float, ...] | None] = {101: (0.0,), 102: (-2.0,), 103: (2.0,), 104: (1.0,)}


def test_evidence_that_was_right_is_followed() -> None:
    assert chosen(trained(count=30, slope=0.1), EVIDENCE) == 103


def test_evidence_that_was_wrong_is_turned_round() -> None:
    assert chosen(trained(count=30, slope=-0.1), EVIDENCE) == 102


def test_before_enough_was_trained_nobody_is_asked() -> None:
    assert chosen(trained(count=NUM_STARTUP - 1, slope=0.1), {}) == 101


def test_candidates_without_evidence_are_passed_over() -> None:
    assert chosen(trained(count=30, slope=0.1), EVIDENCE | {103: None, 104: (2.0,)}) == 104


def test_where_none_has_evidence_the_most_promising_is_taken() -> None:
    assert chosen(trained(count=30, slope=0.1), dict.fromkeys(EVIDENCE)) == 101


def test_evidence_is_brought_to_one_scale_and_clipped() -> None:
    # Median 2, quartiles 1 and 3: a deviation is 2 / 1.35, and -1e6 is clipped.
    scaled = common_scale([(-1e6,), (1.0,), (2.0,), (3.0,), (4.0,)])

    assert scaled[:, 0].tolist() == pytest.approx([-3.0, -0.675, 0.0, 0.675, 1.35])


def test_a_proxy_that_is_the_same_everywhere_says_nothing() -> None:
    assert common_scale([(5.0,), (5.0,), (5.0,)]).tolist() == [[0.0], [0.0], [0.0]]
