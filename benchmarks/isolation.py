"""What it costs to judge candidates in a process that may die, and how soon there is another one.

    python -m benchmarks.isolation --repeats 20

The same candidates of digits, trained for two epochs each, are judged in this process (`--no-isolate`), in
one of their own, and in one that was killed just before, as the system does when memory runs out; in turn.
The bar is 5 s from the death to the next candidate's first epoch, less what a healthy process takes to it.

Writes results/isolation.json.
"""

import argparse
import time
from collections.abc import Callable
from dataclasses import replace
from statistics import median

import numpy as np

from benchmarks.record import record
from millinet.data import load_data
from millinet.device import set_threads
from millinet.latency import Budget, LatencyMeter
from millinet.training import RECIPES
from nas.config import SearchConfig
from nas.isolation import IsolatedJudge
from nas.problem import Problem
from nas.trials import Judge, judge_here
from search_spaces import Architecture, load_space

BAR_SECONDS = 5.0


def seconds_of(judge: Judge, candidate: Architecture) -> tuple[float, float]:
    """Return the seconds to the first epoch of a candidate, and to its end."""
    epochs: list[float] = []
    started = time.perf_counter()
    outcome = judge(candidate, [], lambda _: epochs.append(time.perf_counter() - started))
    if outcome.cause is not None:
        raise RuntimeError(f"the candidate failed: {outcome.cause}")
    return epochs[0], time.perf_counter() - started


def kill(judge: IsolatedJudge) -> None:
    """Kill the candidates' process and wait until it is gone."""
    process = judge._process
    if process is not None:
        process.kill()
        process.join()


def compared(problem: Problem, candidates: list[Architecture]) -> dict[str, list[tuple[float, float]]]:
    """Judge every candidate in three ways, in turn."""
    here = judge_here(problem)
    found: dict[str, list[tuple[float, float]]] = {"here": [], "isolated": [], "after a death": []}
    with IsolatedJudge(problem, silence_seconds=300.0) as isolated:
        ways: dict[str, Callable[[], object]] = {
            "here": lambda: None,
            "isolated": lambda: None,
            "after a death": lambda: kill(isolated),
        }
        for number, candidate in enumerate(candidates):
            for way, before in ways.items():
                before()
                spent = seconds_of(here if way == "here" else isolated, candidate)
                if number:  # the first of each warms up what stays
                    found[way].append(spent)
    return found


def main() -> None:
    """Judge the same candidates in each way."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=20)
    chosen = parser.parse_args()
    set_threads(1)
    space = load_space("tiny", in_channels=1, num_classes=10, resolution=(8, 8))
    rng = np.random.default_rng(0)
    with LatencyMeter("cpu") as meter:
        problem = Problem(
            space=space,
            data=load_data("digits"),
            budget=Budget.parse("10s"),
            meter=meter,
            device="cpu",
            recipe=replace(RECIPES["quick"], epochs=2),
            config=SearchConfig(),
        )
        found = compared(problem, [space.sample(rng) for _ in range(chosen.repeats + 1)])
    rows = [
        {
            "way": way,
            "candidates": len(spent),
            "first_epoch_seconds": median(first for first, _ in spent),
            "seconds": median(whole for _, whole in spent),
        }
        for way, spent in found.items()
    ]
    ratios = [mine[1] / plain[1] for mine, plain in zip(found["isolated"], found["here"], strict=True)]
    lost = [dead[0] - well[0] for dead, well in zip(found["after a death"], found["isolated"], strict=True)]
    summary = {
        "median_ratio_isolated_to_here": median(ratios),
        "seconds_lost_by_a_death": median(lost),
        "worst_seconds_lost": max(lost),
        "bar_seconds": BAR_SECONDS,
        "met": max(lost) <= BAR_SECONDS,
    }
    record("isolation", rows, seeds=[0], summary=summary)


if __name__ == "__main__":
    main()
