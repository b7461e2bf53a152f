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
from nas.candidate import FAILED, Outcome
from nas.config import SearchConfig
from nas.isolation import IsolatedJudge, described
from nas.problem import Problem
from nas.trials import judging_again
from search_spaces import Architecture, load_space

SPACE = load_space("tiny", in_channels=1, num_classes=10, resolution=(8, 8))
PLUGIN = """
import os, signal, sys, time
import torch
from search_spaces.blocks import Basic


def misbehaving(act):
    class Misbehaving(Basic):
        def forward(self, x):
            if x.device.type != "meta":
                act()
            return super().forward(x)

    return Misbehaving


BLOCKS = {
    "hanging": misbehaving(lambda: time.sleep(3600)),
    "crashing": misbehaving(lambda: os.kill(os.getpid(), signal.SIGSEGV)),
    "killed": misbehaving(lambda: os.kill(os.getpid(), signal.SIGKILL)),
    "leaving": misbehaving(lambda: sys.exit(4)),
    "greedy": misbehaving(lambda: torch.empty(1 << 50)),
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


def test_a_candidate_that_hangs_is_stopped(judge: IsolatedJudge) -> None:
    judge(healthy(), [], lambda _: None)
    judge._silence_seconds = 2.0

    outcome = judge(Written("hanging"), [], lambda _: None)  # type: ignore[arg-type]

    assert (outcome.state, outcome.cause) == (FAILED, "no sign of life for 2 s")


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
    ("causes", "num_judged"),
    [
        (["out of memory", None], 2),
        (["out of memory", "out of memory", None], 2),
        (["its process was killed by SIGKILL, as the system does when memory runs out", None], 2),
        (["diverged: the loss is NaN", None], 1),
        ([None, None], 1),
    ],
)
def test_only_a_want_of_memory_is_tried_again_and_only_once(
    causes: list[str | None], num_judged: int
) -> None:
    outcomes = [Outcome(state=FAILED if cause else "complete", cause=cause) for cause in causes]
    left = iter(outcomes)

    last = judging_again(lambda *_: next(left), num_more=1)(healthy(), [], lambda _: None)

    assert last is outcomes[num_judged - 1]


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
