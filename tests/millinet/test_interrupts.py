"""Ctrl-C that strikes inside a finaliser."""

import sys
from threading import Event
from types import SimpleNamespace

import pytest

from millinet.interrupts import interrupts_kept


class StruckWhenDropped:
    """Is interrupted while Python takes it down, where no exception can leave."""

    def __del__(self) -> None:
        raise KeyboardInterrupt


def lose_one_and_wait() -> None:
    StruckWhenDropped()
    Event().wait(timeout=60)


def test_an_interrupt_in_a_finaliser_comes_again_and_ends_a_wait() -> None:
    with interrupts_kept(), pytest.raises(KeyboardInterrupt):
        lose_one_and_wait()


def test_other_errors_in_finalisers_are_reported_as_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    reported: list[type[BaseException]] = []
    monkeypatch.setattr(sys, "unraisablehook", lambda ignored: reported.append(ignored.exc_type))

    with interrupts_kept():
        sys.unraisablehook(SimpleNamespace(exc_type=ValueError))

    assert reported == [ValueError]


def test_the_hook_found_is_put_back() -> None:
    found = sys.unraisablehook

    with interrupts_kept():
        assert sys.unraisablehook is not found

    assert sys.unraisablehook is found
