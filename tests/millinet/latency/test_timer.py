import gc

import pytest

from millinet.latency.quiet import collecting_output
from millinet.latency.timer import Calls, collector_held, time_calls, warm_up


class Counting:
    """Counts its calls."""

    def __init__(self) -> None:
        self.calls = 0

    def __call__(self) -> None:
        self.calls += 1


def test_one_call_is_discarded_and_the_others_are_timed() -> None:
    call = Counting()

    timed = time_calls(call, 5)

    assert call.calls == 6
    assert len(timed.wall_ms) == len(timed.disturbed) == 5
    assert all(ms > 0 for ms in timed.wall_ms)


def test_a_warm_up_calls_at_least_twice() -> None:
    call = Counting()

    fastest_ms = warm_up(call, seconds=0.0)

    assert call.calls == 2
    assert fastest_ms >= 0


def test_blocks_add_up() -> None:
    assert Calls([1.0], [True]) + Calls([2.0], [False]) == Calls([1.0, 2.0], [True, False])


def test_the_share_of_undisturbed_calls_counts_calls() -> None:
    assert Calls([1.0] * 4, [True, False, False, False]).share_undisturbed == 0.75
    assert Calls([], []).share_undisturbed == 1.0


@pytest.mark.parametrize("is_enabled", [True, False])
def test_garbage_collection_is_held_and_given_back_as_it_was(is_enabled: bool) -> None:
    before = gc.isenabled()
    (gc.enable if is_enabled else gc.disable)()
    try:
        with collector_held():
            inside = gc.isenabled()
        after = gc.isenabled()
    finally:
        (gc.enable if before else gc.disable)()

    assert not inside
    assert after == is_enabled


def test_what_is_printed_inside_is_collected_and_not_shown(capsys: pytest.CaptureFixture[str]) -> None:
    with collecting_output() as collected:
        print("inside")  # noqa: T201
    print("outside")  # noqa: T201

    assert "".join(collected) == "inside\n"
    assert capsys.readouterr().out == "outside\n"
