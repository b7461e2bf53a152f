"""When a candidate is stopped early."""

import pytest

from millinet.errors import UnknownNameError
from nas.config import SearchConfig
from nas.fidelity import STOPPING, Peer, Standing, is_halted, is_left_behind

PEERS = [
    Peer(1.0, (0.5, 0.6, 0.7)),
    Peer(1.0, (0.6, 0.7, 0.8)),
    Peer(1.0, (0.7, 0.8, 0.9)),
    Peer(1.0, (0.8, 0.9, 1.0)),
]


def test_below_the_median_at_the_same_epoch_is_left_behind() -> None:
    # By epoch 2 the peers had reached 0.6, 0.7, 0.8 and 0.9; their median is 0.75.
    assert is_left_behind([0.3, 0.74], PEERS, latency_ms=1.0)
    assert not is_left_behind([0.3, 0.75], PEERS, latency_ms=1.0)


def test_the_best_so_far_counts_and_not_the_last_epoch() -> None:
    assert not is_left_behind([0.8, 0.1], PEERS, latency_ms=1.0)


def test_slower_peers_condemn_nobody() -> None:
    assert not is_left_behind([0.1, 0.1], PEERS, latency_ms=0.9)


def test_the_first_epoch_and_the_first_candidates_are_free() -> None:
    assert not is_left_behind([0.0], PEERS, latency_ms=1.0)
    assert not is_left_behind([0.0, 0.0], PEERS[:3], latency_ms=1.0)


def test_a_stopped_peer_is_no_yardstick_of_the_median() -> None:
    stopped = [peer._replace(is_complete=False) for peer in PEERS]

    assert not is_left_behind([0.0, 0.0], stopped, latency_ms=1.0)


def test_one_in_three_goes_on_from_a_rung() -> None:
    # At epoch 3 the peers had reached 0.7, 0.8, 0.9 and 1.0; with fewer than 5/3 better ones it goes on.
    assert not is_halted([0.0, 0.0, 0.95], PEERS)
    assert is_halted([0.0, 0.0, 0.85], PEERS)


def test_nothing_is_halted_between_rungs_or_among_few() -> None:
    assert not is_halted([0.0, 0.0], PEERS)
    assert not is_halted([0.0, 0.0, 0.0, 0.0], PEERS)
    assert not is_halted([0.0], PEERS[:2])
    assert is_halted([0.0], PEERS)


def test_stopped_peers_count_at_the_rungs_they_reached() -> None:
    stopped = [Peer(1.0, (0.9,), is_complete=False)] * 3

    assert is_halted([0.5], stopped)
    assert not is_halted([0.5, 0.5, 0.5], stopped)


def test_equal_candidates_go_on_together() -> None:
    assert not is_halted([0.5], [Peer(1.0, (0.5,))] * 5)


def test_on_a_front_the_fastest_goes_on_though_it_is_the_least_accurate() -> None:
    assert is_halted([0.1], PEERS)
    assert not is_halted([0.1], PEERS, latency_ms=0.5)
    # Slower than all and less accurate: four peers stand on better fronts.
    assert is_halted([0.1], PEERS, latency_ms=2.0)


def test_rules_are_chosen_by_name() -> None:
    behind = Standing([0.0, 0.0, 0.0], PEERS, 1.0, is_front=False)

    assert {name: rule(behind) for name, rule in STOPPING.items()} == {
        "halving": True,
        "median": True,
        "none": False,
    }
    with pytest.raises(
        UnknownNameError, match=r"no stopping rule called 'hyperband'; .*halving, median, none"
    ):
        SearchConfig(stopping="hyperband")
