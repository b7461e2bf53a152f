"""What every test stands on, however they are started: one thread, the same examples, Ctrl-C heard."""

import os
import signal

# Two threads on a busy machine can be ten times slower than one, and xdist starts a process a core.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import pytest
import torch
from hypothesis import settings

# A shell that runs the tests in the background has them ignore Ctrl-C, and every program they start.
signal.signal(signal.SIGINT, signal.default_int_handler)

# The same examples on every run: a rare one is found by `--hypothesis-profile wide`, never by a landing.
settings.register_profile("steady", derandomize=True, deadline=None)
settings.register_profile("wide", max_examples=5_000, deadline=None)
settings.load_profile("steady")


@pytest.fixture(autouse=True, scope="session")
def _one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture(autouse=True)
def _same_random_numbers() -> None:
    torch.manual_seed(0)
