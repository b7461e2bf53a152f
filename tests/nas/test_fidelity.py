"""When a candidate is stopped early."""

from nas.fidelity import Peer, is_left_behind

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
