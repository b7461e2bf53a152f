"""Why a visit and an estimate are made as they are: warm turns, a median over visits, five calls a block.

Records visits of each network with 0, 10 and 30 ms of warm-up before a turn, one after the other, and prints
from that one recording

- `visit`: the spread of calls within a visit (distance of their quartiles) and of visits (half the distance
  of the outer sixths, about one standard deviation), by warm-up;
- `centre`: what a plain t interval covers around the mean and around the median of eight visits;
- `pace`: how far the reference's own time is off, taken from 8, 25 and 100 visits;
- `calls`: what the real protocol makes of about 80 calls, as many visits of few calls or few visits of many.

    python -m benchmarks.latency_visits --visits 300      # about 6 minutes; --device cuda for a GPU
"""

import argparse
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from math import exp, log, sqrt
from statistics import fmean, median, quantiles, stdev
from typing import Any, Final, TypeVar

import torch

from benchmarks.latency_streams import SETTINGS, replay
from benchmarks.latency_subjects import same_as_reference, subjects
from benchmarks.record import record
from millinet.device import resolve_device, set_threads
from millinet.latency import Budget
from millinet.latency.calm import keep_calm
from millinet.latency.cuda import fixed_numerics
from millinet.latency.references import Ladder
from millinet.latency.subject import Subject, prepare
from millinet.latency.timer import Calls, pause
from millinet.latency.visit import WARM_UP_SECONDS, Visit, calls_per_block, typical_ms, visit
from millinet.statistics import robust_centre, t_factor

WARM_UPS: Final = (0.0, WARM_UP_SECONDS, 0.03)
"""Seconds of warm-up before a turn."""
SEQUENCE: Final = 8
SPANS: Final = (8, 25, 100)
CALLS: Final = ((5, 8), (3, 13), (2, 20))
"""Calls a block, and the visits that make about 80 calls of the candidate of them."""
PAUSE_SECONDS: Final = 0.05
Row = dict[str, Any]
T = TypeVar("T")


def paired(device: torch.device) -> dict[str, tuple[Subject, Subject]]:
    """Return each network with the reference a measurement would give it."""
    ladder = Ladder(device, replace(SETTINGS, fold=False))
    pairs = {}
    for name, model, example in subjects():
        subject = prepare(model, example, device=device, settings=SETTINGS)
        pairs[name] = subject, ladder.for_duration(subject.rough_ms).subject
    own = same_as_reference()
    first, second = (prepare(own.model, own.example, device=device, settings=SETTINGS) for _ in range(2))
    return pairs | {own.name: (first, second)}


def watch(pairs: Mapping[str, tuple[Subject, Subject]], visits: int) -> dict[tuple[str, float], list[Visit]]:
    """Visit every network `visits` times at each warm-up, in turn."""
    seen: dict[tuple[str, float], list[Visit]] = {(name, warm): [] for name in pairs for warm in WARM_UPS}
    for _ in range(visits):
        for (name, warm), kept in seen.items():
            candidate, reference = pairs[name]
            num_calls = calls_per_block(candidate.rough_ms, SETTINGS.calls_per_block)
            kept.append(visit(candidate.call, reference.call, num_calls=num_calls, warm_up_seconds=warm))
        pause(PAUSE_SECONDS)
    return seen


def spreads(name: str, warm: float, seen: Sequence[Visit]) -> Row:
    """Say how far calls and visits spread."""
    kept = keep_calm(seen)
    sixths = quantiles([one.log_ratio for one in kept.visits], n=6)
    return {
        "what": "visit",
        "network": name,
        "warm_up_ms": warm * 1e3,
        "spread_of_calls": kept.spread,
        "spread_of_visits": (sixths[-1] - sixths[0]) / 2,
        "visits": len(seen),
    }


def centres(name: str, seen: Sequence[Visit]) -> Iterator[Row]:
    """Say what plain t intervals around a mean and around a median cover."""
    truth = _true_log_ratio(seen)
    factor = t_factor(SEQUENCE - 1, SETTINGS.confidence)
    sequences = [[one.log_ratio for one in keep_calm(some).visits] for some in _windows(seen, SEQUENCE)]
    means = [(fmean(logs), stdev(logs) / sqrt(len(logs))) for logs in sequences]
    for centre, found in (("mean", means), ("median", [robust_centre(logs) for logs in sequences])):
        yield {
            "what": "centre",
            "network": name,
            "centre": centre,
            "coverage": fmean(abs(at - truth) <= factor * error for at, error in found),
            "half_width": median(factor * error for _, error in found),
            "sequences": len(found),
        }


def paces(name: str, seen: Sequence[Visit]) -> Iterator[Row]:
    """Say how far the reference's own time is off, from stretches of visits."""
    times = [log(typical_ms(one.reference)) for one in keep_calm(seen).visits]
    truth = median(times)
    own = robust_centre(times)[1]
    for span in SPANS:
        stretches = list(_windows(times, span))
        if stretches:
            yield {
                "what": "pace",
                "network": name,
                "visits": span,
                "seconds": span * (seen[-1].at_ms - seen[0].at_ms) / len(seen) / 1e3,
                "error": sqrt(fmean((median(some) - truth) ** 2 for some in stretches)),
                "error_if_independent": own * sqrt(len(times) / span),
                "stretches": len(stretches),
            }


def decisions(name: str, seen: Sequence[Visit]) -> Iterator[Row]:
    """Say what the protocol makes of about 80 calls, for a budget relative to the reference."""
    for num_calls, num_visits in CALLS:
        shortened = [_first_calls(one, num_calls) for one in seen]
        ratio = exp(_true_log_ratio(shortened))
        over, under = Budget(limit_ms=ratio / 1.02), Budget(limit_ms=ratio / 0.95)
        runs = list(_windows(shortened, num_visits))
        free = [replay(run, pinned_ms=1.0) for run in runs]
        yield {
            "what": "calls",
            "network": name,
            "calls_per_block": num_calls,
            "visits": num_visits,
            "coverage": fmean(one.low_ms <= ratio <= one.high_ms for one in free),
            "half_width": median(log(one.high_ms / one.low_ms) / 2 for one in free),
            "accepted_2pct_over": fmean(
                replay(run, over, pinned_ms=1.0).verdict(over) == "meets" for run in runs
            ),
            "accepted_5pct_under": fmean(
                replay(run, under, pinned_ms=1.0).verdict(under) == "meets" for run in runs
            ),
            "sequences": len(runs),
        }


def _true_log_ratio(seen: Sequence[Visit]) -> float:
    return median(one.log_ratio for one in keep_calm(seen).visits)


def _windows(values: Sequence[T], length: int) -> Iterator[Sequence[T]]:
    """Yield stretches that overlap by half, so that short recordings give enough of them."""
    for start in range(0, len(values) - length + 1, max(1, length // 2)):
        yield values[start : start + length]


def _first_calls(one: Visit, num_calls: int) -> Visit:
    def shorten(calls: Calls) -> Calls:
        half = len(calls.wall_ms) // 2
        kept = [*range(min(num_calls, half)), *range(half, half + min(num_calls, half))]
        return Calls([calls.wall_ms[at] for at in kept], [calls.disturbed[at] for at in kept])

    return Visit(shorten(one.candidate), shorten(one.reference), one.at_ms)


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--visits", type=int, default=300)
    parser.add_argument("--device", default="cpu")
    asked = parser.parse_args()
    set_threads(1)
    device = resolve_device(asked.device)
    with fixed_numerics(device):
        seen = watch(paired(device), asked.visits)
    rows = [spreads(name, warm, visits) for (name, warm), visits in seen.items()]
    for (name, warm), visits in seen.items():
        if warm == WARM_UP_SECONDS:
            rows += [*centres(name, visits), *paces(name, visits), *decisions(name, visits)]
    record("latency_visits", rows, device=asked.device)


if __name__ == "__main__":
    main()
