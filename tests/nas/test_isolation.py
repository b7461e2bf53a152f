"""A candidate that hangs, crashes or ends its process costs its own trial, and the next one is judged."""

import resource
import signal
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest

from millinet.data import load_data
from millinet.errors import IsolationError
from millinet.latency import Budget, LatencyMeter
from millinet.training import RECIPES, EpochRecord
from nas.candidate import COMPLETE, FAILED, Outcome
from nas.config import SearchConfig
from nas.isolation import IsolatedJudge, described
from nas.problem import Problem
from nas.trials import Judge, judging_again
from search_spaces import Architecture, load_space

SPACE = load_space("tiny", in_channels=1, num_classes=10, resolution=(8, 8))
PLUGIN = """
import os, signal, sys, time
from pathlib import Path
import torch
from search_spaces.blocks import Basic


def misbehaving(act):
    class Misbehaving(Basic):
        def forward(self, x):
            if x.device.type != "meta":
                act()
            return super().forward(x)

    return Misbehaving


def once(name, act):
    def first():
        mark = Path(__file__).parent / name
        if not mark.exists():
            mark.touch()
            act()

    return misbehaving(first)


def fail(error):
    raise error


BLOCKS = {
    "hanging": misbehaving(lambda: time.sleep(3600)),
    "crashing": misbehaving(lambda: os.kill(os.getpid(), signal.SIGSEGV)),
    "killed": misbehaving(lambda: os.kill(os.getpid(), signal.SIGKILL)),
    "leaving": misbehaving(lambda: sys.exit(4)),
    "greedy": misbehaving(lambda: torch.empty(1 << 50)),
    "crashing-once": once("crash", lambda: os.kill(os.getpid(), signal.SIGSEGV)),
    "unread-once": once("disk", lambda: fail(OSError(5, "Input/output error"))),
    "lost-once": once("device", lambda: fail(RuntimeError("CUDA error: unspecified launch failure"))),
}
"""


class Written:
    """An architecture whose block only the candidates' process knows."""

    def __init__(self, block: str) -> None:
        self._block = block

    def to_json(self) -> str:
        return healthy().to_json().replace('"basic"', f'"{self._block}"')


def healthy() -> Architecture:
    rng = np.random.default_rng(0)
    return next(found for found in iter(lambda: SPACE.sample(rng), None) if set(found.blocks) == {"basic"})


@pytest.fixture(scope="module")
def problem() -> Iterator[Problem]:
    with LatencyMeter("cpu") as meter:
        yield Problem(
            space=SPACE,
            data=load_data("digits"),
            budget=Budget.parse("10s"),
            meter=meter,
            device="cpu",
            recipe=replace(RECIPES["quick"], epochs=2),
            config=SearchConfig(),
        )


@pytest.fixture(scope="module")
def judge(problem: Problem, tmp_path_factory: pytest.TempPathFactory) -> Iterator[IsolatedJudge]:
    plugin = tmp_path_factory.mktemp("plugin") / "misbehaving.py"
    plugin.write_text(PLUGIN)
    with IsolatedJudge(problem, silence_seconds=300.0, plugins=[plugin]) as made:
        yield made


@pytest.mark.parametrize(
    ("block", "cause"),
    [
        ("crashing", "its process was killed by SIGSEGV, as a faulty extension does"),
        ("killed", "its process was killed by SIGKILL, as the system does when memory runs out"),
        ("leaving", "SystemExit: 4"),
        ("greedy", "out of memory"),
    ],
)
def test_a_candidate_that_ends_its_process_is_named_and_the_next_one_is_judged(
    judge: IsolatedJudge, block: str, cause: str
) -> None:
    outcome = judge(Written(block), [], lambda _: None)  # type: ignore[arg-type]
    epochs: list[EpochRecord] = []
    following = judge(healthy(), [], epochs.append)

    assert (outcome.state, outcome.cause) == (FAILED, cause)
    assert following.cause is None
    assert [record.epoch for record in epochs] == [record.epoch for record in following.history]


def test_a_candidate_that_hangs_is_stopped(judge: IsolatedJudge, monkeypatch: pytest.MonkeyPatch) -> None:
    judge(healthy(), [], lambda _: None)
    monkeypatch.setattr(judge, "_silence_seconds", 2.0)

    outcome = judge(Written("hanging"), [], lambda _: None)  # type: ignore[arg-type]

    assert (outcome.state, outcome.cause) == (FAILED, "no sign of life for 2 s")
    assert not outcome.may_pass


def test_a_data_set_that_shared_memory_cannot_hold_is_sent_without_it(
    problem: Problem, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("nas.isolation._shared_memory_bytes", lambda: 0.0)

    with IsolatedJudge(problem, silence_seconds=300.0, plugins=[]) as isolated:
        outcome = isolated(healthy(), [], lambda _: None)

    assert outcome.cause is None


def test_a_system_that_starts_no_process_is_no_candidates_fault(problem: Problem) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)

    with IsolatedJudge(problem, silence_seconds=300.0, plugins=[]) as isolated:
        resource.setrlimit(resource.RLIMIT_NOFILE, (3, hard))
        try:
            with pytest.raises(IsolationError, match="Too many open files") as raised:
                isolated(healthy(), [], lambda _: None)
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))

    assert "--no-isolate" in str(raised.value)


@pytest.mark.parametrize(
    ("block", "reason"),
    [
        ("crashing-once", "its process was killed by SIGSEGV"),
        ("unread-once", "Input/output error"),
        ("lost-once", "CUDA error: unspecified launch failure"),
    ],
)
def test_a_candidate_whose_failure_passes_is_measured_and_trained_at_the_second_try(
    judge: IsolatedJudge, block: str, reason: str
) -> None:
    judged = judging_again(judge, num_more=1)

    outcome = judged(Written(block), [], lambda _: None)  # type: ignore[arg-type]

    assert outcome.state == COMPLETE
    assert outcome.latency is not None
    assert [record.epoch for record in outcome.history] == [1, 2]
    assert (outcome.cause or "").startswith("tried again after ")
    assert reason in (outcome.cause or "")


def test_a_second_try_measures_anew_and_the_time_of_both_counts() -> None:
    first = Outcome(may_pass=True, cause="OSError: 5", measure_seconds=1.0, train_seconds=2.0)
    second = Outcome(state=COMPLETE, measure_seconds=10.0, train_seconds=20.0)

    last = judging_again(answering(first, second), num_more=1)(healthy(), [], lambda _: None)

    assert last is second
    assert (last.measure_seconds, last.train_seconds) == (11.0, 22.0)


@pytest.mark.parametrize(
    ("num_more", "may_pass", "causes", "told"),
    [
        (1, [True, True], ["a", "b"], "b; before that a"),
        (1, [True, True], ["a", "a"], "a"),
        (1, [False], ["diverged"], "diverged"),
        (0, [True], ["a"], "a"),
        (2, [True, True, False], ["a", "a", None], "tried again after a"),
    ],
)
def test_what_may_pass_is_tried_again_up_to_the_cap_and_every_reason_is_kept(
    num_more: int, may_pass: list[bool], causes: list[str | None], told: str
) -> None:
    outcomes = [Outcome(may_pass=passes, cause=why) for passes, why in zip(may_pass, causes, strict=True)]

    last = judging_again(answering(*outcomes), num_more=num_more)(healthy(), [], lambda _: None)

    assert last is outcomes[-1]
    assert last.cause == told


def answering(*outcomes: Outcome) -> Judge:
    """Return a judge that gives these outcomes, and cannot be asked once more."""
    left = iter(outcomes)
    return lambda *_: next(left)


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (-signal.SIGABRT, "its process was killed by SIGABRT, as a faulty extension does"),
        (-63, "its process was killed by signal 63"),
        (3, "its process ended with exit code 3"),
    ],
)
def test_the_end_of_a_process_is_named(code: int, words: str) -> None:
    assert described(code) == words
