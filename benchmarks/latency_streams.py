"""Are the intervals honest, the verdicts right, the samples small, and A/A differences rare?

Records sequences of visits of each network, as a measurement makes them, and runs the real estimate and the
real stopping rule over every sequence. The truth is the median over all sequences of the run, so drift counts
against the intervals. Every sequence is judged by several anchors: `fresh`, as in a process that has just
begun, whose anchor rests on that sequence alone; `settled`, as in a search, whose anchor rests on all visits
before; `relative`, as by a budget that is a part of the reference's own latency, whatever that is. `apart`
is `relative` with the same visits dealt out anew, so that those of one sequence lie seconds apart.

    python -m benchmarks.latency_streams --repeats 200      # about 9 minutes; --device cuda for a GPU
"""

import argparse
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from math import exp, log
from statistics import fmean, median
from typing import Any

import torch

from benchmarks.latency_subjects import Benched, same_as_reference, subjects
from benchmarks.record import record
from millinet.device import describe, resolve_device, set_threads
from millinet.latency import Budget, LatencyMeasurement, LatencySettings
from millinet.latency.calm import keep_calm
from millinet.latency.cuda import fixed_numerics
from millinet.latency.references import Ladder, Reference
from millinet.latency.subject import prepare
from millinet.latency.summary import has_enough, summarise
from millinet.latency.timer import pause
from millinet.latency.visit import Visit, calls_per_block, typical_ms, visit

Runner = Callable[..., LatencyMeasurement]

SETTINGS = LatencySettings()
INFO = describe("cpu")
CALLS_TO_DECIDE = 80
CALLS_TO_ESTIMATE = 50
FAST_VISITS = 5
SETTLING = 10
"""Sequences before which an anchor is not called settled."""
APART = 16
"""How many times as far apart the visits of a sequence lie once they are dealt out anew."""


def watch(
    benched: Sequence[Benched], *, device: torch.device, repeats: int, visits: int
) -> dict[str, list[list[Visit]]]:
    """Record `repeats` sequences of each network, in turn, each visit a pause after the one before."""
    ladder = Ladder(device, replace(SETTINGS, fold=False))
    pairs = {}
    for name, model, example in benched:
        subject = prepare(model, example, device=device, settings=SETTINGS)
        pairs[name] = subject, ladder.for_duration(subject.rough_ms).subject
    own = same_as_reference()
    twins = [prepare(own.model, own.example, device=device, settings=SETTINGS) for _ in range(2)]
    pairs[own.name] = twins[0], twins[1]
    sequences: dict[str, list[list[Visit]]] = {name: [] for name in pairs}
    for _ in range(repeats):
        for kept in sequences.values():
            kept.append([])
        for _ in range(visits):
            for name, (candidate, reference) in pairs.items():
                num_calls = calls_per_block(candidate.rough_ms, SETTINGS.calls_per_block)
                sequences[name][-1].append(visit(candidate.call, reference.call, num_calls=num_calls))
            pause(SETTINGS.gap_seconds / 2)
    return sequences


def replay(
    sequence: Sequence[Visit],
    budget: Budget | None = None,
    *,
    anchored_on: Sequence[Visit] = (),
    pinned_ms: float | None = None,
    num_visits: int | None = None,
) -> LatencyMeasurement:
    """Run the real stopping rule over a recorded sequence.

    Args:
        sequence: The visits.
        budget: What stops it.
        anchored_on: Visits its anchor already rests on.
        pinned_ms: What its reference is defined to take.
        num_visits: Visits taken at most; None for all.
    """
    reference = Reference("recorded", None, pinned_ms=pinned_ms)  # type: ignore[arg-type]
    for one in anchored_on:
        reference.add_visit(one)
    seen: list[Visit] = []
    for one in sequence[:num_visits]:
        seen.append(one)
        reference.add_visit(one)
        measurement = summarise(seen, reference, settings=SETTINGS, info=INFO)
        if has_enough(measurement, budget):
            break
    return measurement


def dealt_apart(sequences: Sequence[Sequence[Visit]]) -> Iterator[Sequence[Visit]]:
    """Deal the visits of every `APART` sequences in a row out to as many, each visit to the next one."""
    for start in range(0, len(sequences) - APART + 1, APART):
        visits = [one for sequence in sequences[start : start + APART] for one in sequence]
        yield from (visits[first::APART] for first in range(APART))


def judge(name: str, sequences: Sequence[Sequence[Visit]]) -> list[dict[str, Any]]:
    """Return a row for each anchor: coverage, verdicts, precision and cost."""
    calm = [one for sequence in sequences for one in keep_calm(sequence).visits]
    true_ratio = exp(median(one.log_ratio for one in calm))
    base_ms = exp(median(log(typical_ms(one.reference)) for one in calm))
    before: list[list[Visit]] = [[]]
    for sequence in sequences:
        before.append([*before[-1], *sequence])
    begun: list[Runner] = [partial(replay, sequence) for sequence in sequences]
    in_search: list[Runner] = [
        partial(replay, sequence, anchored_on=earlier)
        for sequence, earlier in zip(sequences[SETTLING:], before[SETTLING:], strict=False)
    ]
    by_ratio: list[Runner] = [partial(replay, sequence, pinned_ms=base_ms) for sequence in sequences]
    apart: list[Runner] = [partial(replay, some, pinned_ms=base_ms) for some in dealt_apart(sequences)]
    judged = {"fresh": begun, "settled": in_search, "relative": by_ratio, "apart": apart}
    return [
        {"network": name, "anchor": anchor, **_judged(runs, true_ratio, true_ratio * base_ms)}
        for anchor, runs in judged.items()
        if runs
    ]


def _judged(runs: Sequence[Runner], true_ratio: float, true_ms: float) -> dict[str, Any]:
    tight, loose = Budget(limit_ms=true_ms / 1.02), Budget(limit_ms=true_ms / 0.95)
    free = [run() for run in runs]
    over = [run(budget=tight) for run in runs]
    inside = [run(budget=loose) for run in runs]
    first = [run(budget=None, num_visits=FAST_VISITS) for run in runs]
    return {
        "true_ms": true_ms,
        "repeats": len(runs),
        "share_ok": fmean(one.status == "ok" for one in free),
        "coverage_ratio": fmean(one.ratio_low <= true_ratio <= one.ratio_high for one in free),
        "coverage_ms": fmean(one.low_ms <= true_ms <= one.high_ms for one in free),
        "ratio_half_width": median(log(one.ratio_high / one.ratio_low) / 2 for one in free),
        "ms_half_width": median(log(one.high_ms / one.low_ms) / 2 for one in free),
        "median_calls": median(one.num_calls for one in free),
        "accepted_2pct_over": fmean(one.verdict(tight) == "meets" for one in over),
        "accepted_5pct_under": fmean(
            one.verdict(loose) == "meets" and one.num_calls <= CALLS_TO_DECIDE for one in inside
        ),
        "ratio_within_2pct_of_50_calls": fmean(abs(one.ratio / true_ratio - 1) <= 0.02 for one in first),
        "ms_within_2pct_of_50_calls": fmean(abs(one.median_ms / true_ms - 1) <= 0.02 for one in first),
        "says_it_differs_from_reference": fmean(not one.ratio_low <= 1 <= one.ratio_high for one in free),
    }


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=200)
    parser.add_argument("--visits", type=int, default=8)
    parser.add_argument("--device", default="cpu")
    asked = parser.parse_args()
    set_threads(1)
    device = resolve_device(asked.device)
    with fixed_numerics(device):
        recorded = watch(subjects(), device=device, repeats=asked.repeats, visits=asked.visits)
    rows = [row for name, sequences in recorded.items() for row in judge(name, sequences)]
    record("latency_streams", rows, device=asked.device)


if __name__ == "__main__":
    main()
