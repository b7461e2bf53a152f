"""An evaluation that takes an hour costs its trial, and no more time than it was given."""

import signal
import threading
from collections.abc import Callable

import pytest

from millinet.errors import ConfigError
from nas import SearchConfig, search
from nas.time_limit import TimeIsUp, check_time_limit, time_limit
from search_spaces import Architecture, load_space

SPACE = load_space("tiny", in_channels=1, num_classes=10, resolution=(8, 8))


def ringing() -> None:
    """Let the alarm ring now: no test waits for a clock."""
    signal.raise_signal(signal.SIGALRM)


def spin() -> None:
    while True:
        signal.getsignal(signal.SIGALRM)


def test_an_evaluation_that_takes_too_long_fails_its_trial_and_the_search_goes_on() -> None:
    hanging: list[Callable[[], None]] = [ringing]

    def evaluate(architecture: Architecture) -> float:
        if hanging:
            try:
                hanging.pop()()
            except Exception:  # noqa: BLE001 -- as people write it
                return 0.0
        return 1.0

    found = search(SPACE, evaluate=evaluate, config=SearchConfig(num_trials=3), trial_timeout=600.0)

    assert found.trials["state"].tolist() == ["failed", "complete", "complete"]
    assert found.trials["cause"][0] == "no value within 600 s"


def test_the_alarm_rings_by_itself() -> None:
    with pytest.raises(TimeIsUp, match=r"no value within 0\.001 s"), time_limit(0.001):
        spin()


def test_afterwards_the_alarm_is_as_it_was() -> None:
    before = signal.getsignal(signal.SIGALRM)

    with time_limit(600.0):
        pass

    assert signal.getsignal(signal.SIGALRM) == before
    assert signal.getitimer(signal.ITIMER_REAL)[0] == 0.0


@pytest.mark.parametrize("seconds", [0.0, -1.0, float("nan")])
def test_a_limit_that_is_no_positive_time_is_refused(seconds: float) -> None:
    with pytest.raises(ConfigError, match=f"trial_timeout must be positive seconds, got {seconds}"):
        search(SPACE, evaluate=lambda architecture: 1.0, trial_timeout=seconds)


def test_outside_the_main_thread_a_limit_is_refused_and_none_is_not() -> None:
    told: list[str] = []

    def check() -> None:
        check_time_limit(None)
        try:
            check_time_limit(600.0)
        except ConfigError as error:
            told.append(str(error))

    thread = threading.Thread(target=check)
    thread.start()
    thread.join()

    assert told[0].startswith("trial_timeout=600 needs the main thread")
