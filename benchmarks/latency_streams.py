"""Are the intervals honest, the verdicts right, the samples small, and A/A differences rare?

Records sequences of visits of each network, as a measurement makes them, and runs the real estimate and the
real stopping rule over every sequence. The truth is the mean of all sequences of the run, so drift counts
against the intervals.

    python -m benchmarks.latency_streams --repeats 200      # about 7 minutes
"""

import argparse
from collections.abc import Sequence
from dataclasses import replace
from math import exp, log
from statistics import fmean, median
from typing import Any

from benchmarks.latency_subjects import Benched, same_as_reference, subjects
from benchmarks.record import record
from millinet.device import describe, resolve_device, set_threads
from millinet.latency import Budget, LatencyMeasurement, LatencySettings
from millinet.latency.calm import keep_calm
from millinet.latency.references import Ladder, Reference
from millinet.latency.subject import prepare
from millinet.latency.summary import has_enough, summarise
from millinet.latency.timer import pause
from millinet.latency.visit import Visit, calls_per_block, typical_ms, visit

SETTINGS = LatencySettings()
INFO = describe("cpu")
CALLS_TO_DECIDE = 80
CALLS_TO_ESTIMATE = 50
FAST_VISITS = 5


def watch(benched: Sequence[Benched], *, repeats: int, visits: int) -> dict[str, list[list[Visit]]]:
    """Record `repeats` sequences of each network, in turn, each visit a pause after the one before."""
    device = resolve_device("cpu")
    ladder = Ladder(device, replace(SETTINGS, fold=False))
    pairs = {}
    for name, model, example in benched:
        subject = prepare(model, example, device=device, settings=SETTINGS)
        pairs[name] = subject, ladder.nearest(subject.rough_ms).subject
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


def replay(sequence: Sequence[Visit], budget: Budget | None = None) -> LatencyMeasurement:
    """Run the real stopping rule over a recorded sequence, with an anchor of its own."""
    reference = Reference("recorded", None)  # type: ignore[arg-type]
    seen: list[Visit] = []
    for one in sequence:
        seen.append(one)
        reference.add_visit(one)
        measurement = summarise(seen, reference, settings=SETTINGS, info=INFO)
        if has_enough(measurement, budget):
            break
    return measurement


def judge(name: str, sequences: Sequence[Sequence[Visit]]) -> dict[str, Any]:
    """Return one row: coverage, verdicts, precision and cost of one network."""
    calm = [one for sequence in sequences for one in keep_calm(sequence).visits]
    true_ratio = exp(fmean(one.log_ratio for one in calm))
    true_ms = true_ratio * exp(fmean(log(typical_ms(one.reference)) for one in calm))
    free = [replay(sequence) for sequence in sequences]
    over = [replay(sequence, Budget(limit_ms=true_ms / 1.02)) for sequence in sequences]
    inside = [replay(sequence, Budget(limit_ms=true_ms / 0.95)) for sequence in sequences]
    first = [summarise_first(sequence) for sequence in sequences]
    return {
        "network": name,
        "true_ms": true_ms,
        "repeats": len(sequences),
        "share_ok": fmean(one.status == "ok" for one in free),
        "coverage_ratio": fmean(one.ratio_low <= true_ratio <= one.ratio_high for one in free),
        "coverage_ms": fmean(one.low_ms <= true_ms <= one.high_ms for one in free),
        "half_width": median(one.half_width for one in free),
        "median_calls": median(one.num_calls for one in free),
        "accepted_2pct_over": fmean(one.verdict(Budget(limit_ms=true_ms / 1.02)) == "meets" for one in over),
        "accepted_5pct_under": fmean(
            one.verdict(Budget(limit_ms=true_ms / 0.95)) == "meets" and one.num_calls <= CALLS_TO_DECIDE
            for one in inside
        ),
        "ratio_within_2pct_of_50_calls": fmean(abs(ratio / true_ratio - 1) <= 0.02 for ratio, _ in first),
        "ms_within_2pct_of_50_calls": fmean(abs(ms / true_ms - 1) <= 0.02 for _, ms in first),
        "says_it_differs_from_reference": fmean(not one.ratio_low <= 1 <= one.ratio_high for one in free),
    }


def summarise_first(sequence: Sequence[Visit]) -> tuple[float, float]:
    """Return ratio and milliseconds from the first five visits of ten calls each."""
    reference = Reference("recorded", None)  # type: ignore[arg-type]
    for one in sequence[:FAST_VISITS]:
        reference.add_visit(one)
    found = summarise(sequence[:FAST_VISITS], reference, settings=SETTINGS, info=INFO)
    return found.ratio, found.median_ms


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=200)
    parser.add_argument("--visits", type=int, default=12)
    asked = parser.parse_args()
    set_threads(1)
    recorded = watch(subjects(), repeats=asked.repeats, visits=asked.visits)
    record("latency_streams", [judge(name, sequences) for name, sequences in recorded.items()])


if __name__ == "__main__":
    main()
