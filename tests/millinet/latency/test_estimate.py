from math import exp, log, sqrt

import numpy as np
import pytest

from millinet.latency.calm import keep_calm
from millinet.latency.estimate import VISIT_SPREAD, across_processes, estimate, relative_calls
from millinet.latency.references import LEAST_ERROR, PACE_SECONDS, USUAL_SPREAD, Reference
from millinet.latency.stopping import LOOKS, SCREEN, level
from millinet.latency.timer import Calls
from millinet.latency.visit import Visit, calls_per_block, typical_ms
from millinet.statistics import serial_widening, t_factor


def made_visit(
    candidate_ms: float, reference_ms: float = 1.0, *, num_disturbed: int = 0, spread: float = 0.0
) -> Visit:
    """Make up a visit of ten calls each; half of the candidate's are slower and half faster by `spread`."""
    disturbed = [True] * num_disturbed + [False] * (10 - num_disturbed)
    candidate = [candidate_ms * (1 + spread), candidate_ms * (1 - spread)] * 5
    return Visit(Calls(candidate, disturbed), Calls([reference_ms] * 10, list(disturbed)))


def test_the_estimate_is_the_median_ratio_times_the_anchor() -> None:
    visits = [made_visit(2.0), made_visit(4.0), made_visit(80.0)]

    found = estimate(visits, anchor_ms=3.0, anchor_error=0.0, confidence=0.95)

    assert found.ratio.estimate == pytest.approx(4.0)
    assert found.latency.estimate == pytest.approx(12.0)


def test_the_interval_of_the_ratio_is_the_t_interval_of_one_look() -> None:
    logs = [0.01, 0.03, 0.00, 0.04, 0.02]
    visits = [made_visit(exp(value)) for value in logs]

    found = estimate(visits, anchor_ms=1.0, anchor_error=0.0, confidence=0.95)

    # Deviations from the median 0.02 are 0.01 twice and 0.02 twice: their median is 0.01.
    seen = 1.2533 * 1.206 * 1.4826 * 0.01
    error = sqrt((4 * VISIT_SPREAD**2 + 5 * seen**2) / 9 / 5)
    half = t_factor(4, level(0.95)) * error * serial_widening(logs)
    assert log(found.ratio.high) == pytest.approx(0.02 + half)
    assert log(found.ratio.low) == pytest.approx(0.02 - half)


def test_a_visit_caught_by_a_slow_moment_moves_nothing() -> None:
    calm = [made_visit(exp(value)) for value in (0.01, 0.03, 0.00, 0.04, 0.02)]

    undisturbed = estimate(calm, anchor_ms=1.0, anchor_error=0.0, confidence=0.95)
    disturbed = estimate(
        [*calm[:3], made_visit(1.8), calm[4]], anchor_ms=1.0, anchor_error=0.0, confidence=0.95
    )

    assert disturbed.ratio == pytest.approx(undisturbed.ratio)


def test_visits_that_agree_by_chance_do_not_make_an_interval_of_nothing() -> None:
    found = estimate([made_visit(2.0)] * 5, anchor_ms=1.0, anchor_error=0.0, confidence=0.95)

    assert found.ratio.high / found.ratio.estimate - 1 > VISIT_SPREAD


def test_the_anchors_error_widens_the_milliseconds_and_not_the_ratio() -> None:
    visits = [made_visit(exp(value)) for value in (0.01, 0.03, 0.02, 0.00, 0.04)]

    sure = estimate(visits, anchor_ms=1.0, anchor_error=0.0, confidence=0.95)
    unsure = estimate(visits, anchor_ms=1.0, anchor_error=0.05, confidence=0.95)

    assert unsure.ratio == sure.ratio
    assert unsure.latency.high > sure.latency.high


def test_drift_that_slows_both_alike_leaves_no_trace_in_the_ratio() -> None:
    visits = [made_visit(2.0 * pace, pace) for pace in (1.0, 1.3, 0.8, 2.0, 1.1)]

    found = estimate(visits, anchor_ms=1.0, anchor_error=0.0, confidence=0.95)

    assert found.ratio.estimate == pytest.approx(2.0)
    assert found == estimate([made_visit(2.0)] * 5, anchor_ms=1.0, anchor_error=0.0, confidence=0.95)


def test_a_single_visit_is_trusted_to_the_screening_factor() -> None:
    found = estimate([made_visit(1.0)], anchor_ms=1.0, anchor_error=0.0, confidence=0.95)

    assert found.latency == pytest.approx((1.0, 1 / SCREEN, SCREEN))


def test_stopping_at_any_look_one_likes_still_covers() -> None:
    rng = np.random.default_rng(0)
    sequences = rng.standard_normal((20_000, LOOKS[-1]))

    always = np.ones(len(sequences), dtype=bool)
    for count in LOOKS:
        seen = sequences[:, :count]
        half = t_factor(count - 1, level(0.95)) * seen.std(axis=1, ddof=1) / sqrt(count)
        always &= np.abs(seen.mean(axis=1)) <= half

    assert 0.95 <= always.mean() <= 0.965


def test_calls_are_made_relative_to_their_own_visit() -> None:
    visits = [made_visit(2.0, 1.0), made_visit(4.0, 2.0)]

    assert relative_calls(visits) == [2.0] * 20


def test_processes_that_agree_are_given_the_usual_spread_between_processes() -> None:
    found = across_processes([2.0, 2.0, 2.0], confidence=0.95)

    # Six degrees of freedom: four assumed at 1.5% and two observed at 0.
    half = 2.446912 * sqrt(4 * 0.015**2 / 6) / sqrt(3)
    assert found == pytest.approx((2.0, 2.0 * exp(-half), 2.0 * exp(half)))


def test_processes_that_know_the_machines_pace_badly_say_so() -> None:
    sure = across_processes([2.0, 2.0, 2.0], confidence=0.95)
    unsure = across_processes([2.0, 2.0, 2.0], confidence=0.95, pace_error=0.04)

    assert unsure.high / unsure.low > 1.05 * sure.high / sure.low


def test_processes_that_disagree_widen_the_interval() -> None:
    agreeing = across_processes([2.0, 2.0, 2.0], confidence=0.95)
    disagreeing = across_processes([1.8, 2.0, 2.2], confidence=0.95)

    assert disagreeing.high - disagreeing.low > 2 * (agreeing.high - agreeing.low)


def test_disturbed_visits_are_left_out_where_calm_ones_are_the_rule() -> None:
    calm, disturbed = made_visit(1.0), made_visit(3.0, num_disturbed=5)

    kept = keep_calm([calm, disturbed, calm])

    assert kept.visits == [calm, calm]
    assert kept.status == "ok"


def test_where_calm_visits_are_the_exception_all_count_and_the_machine_is_noisy() -> None:
    calm, disturbed = made_visit(1.0), made_visit(3.0, num_disturbed=4)

    kept = keep_calm([disturbed, calm, disturbed])

    assert len(kept.visits) == 3
    assert kept.status == "noisy"
    assert kept.doubt > 0


def test_a_machine_that_disturbs_most_calls_is_contended() -> None:
    assert keep_calm([made_visit(1.0, num_disturbed=6)]).status == "contended"


def test_calls_that_spread_within_a_visit_cast_doubt_though_nothing_disturbed_them() -> None:
    steady = keep_calm([made_visit(1.0, spread=0.01)])
    unsteady = keep_calm([made_visit(1.0, spread=0.06)])

    assert (steady.status, steady.doubt) == ("ok", 0.0)
    assert unsteady.status == "noisy"
    assert unsteady.doubt == pytest.approx((0.12 - 0.06) ** 0.5)


def test_a_typical_call_is_the_median_of_those_nothing_disturbed() -> None:
    assert typical_ms(Calls([1.0, 2.0, 3.0, 100.0], [False, False, False, True])) == 2.0


def test_where_nearly_all_calls_were_disturbed_all_of_them_count() -> None:
    assert typical_ms(Calls([1.0, 2.0, 9.0], [False, True, True])) == 2.0


@pytest.mark.parametrize(("duration_ms", "calls"), [(0.1, 10), (0.001, 50), (1.0, 5), (500.0, 5)])
def test_short_calls_are_repeated_until_a_block_takes_a_millisecond(duration_ms: float, calls: int) -> None:
    assert calls_per_block(duration_ms, 5) == calls


def anchored(reference_ms: list[float], *, apart_seconds: float = 0.0) -> Reference:
    reference = Reference("made up", None)  # type: ignore[arg-type]
    for number, value in enumerate(reference_ms):
        one = made_visit(1.0, value)
        reference.add_visit(one._replace(at_ms=number * apart_seconds * 1e3))
    return reference


def test_the_anchor_is_the_typical_time_of_the_reference() -> None:
    assert anchored([2.0, 2.0, 9.0, 2.0]).anchor_ms == pytest.approx(2.0)


def test_a_machine_that_changes_its_pace_gets_another_anchor() -> None:
    reference = anchored([2.0] * 25 + [2.5] * 20)

    assert reference.anchor_ms == pytest.approx(2.5)
    assert reference.num_anchors > 1


def test_visits_made_within_one_pace_of_the_machine_make_the_anchor_no_surer() -> None:
    few, many = anchored([2.0] * 8), anchored([2.0, 2.04] * 100)
    spread_out = anchored([2.0, 2.04] * 100, apart_seconds=2 * PACE_SECONDS)

    assert few.anchor_error < USUAL_SPREAD
    assert many.anchor_error > spread_out.anchor_error == LEAST_ERROR


def test_a_pinned_reference_takes_the_time_it_is_defined_to_take() -> None:
    reference = Reference("pinned", None, pinned_ms=3.0)  # type: ignore[arg-type]

    reference.add_visit(made_visit(1.0, 2.0))

    assert (reference.anchor_ms, reference.anchor_error) == (3.0, 0.0)


def test_a_disturbed_visit_anchors_only_until_there_is_a_calm_one() -> None:
    reference = Reference("made up", None)  # type: ignore[arg-type]

    reference.add_visit(made_visit(1.0, 9.0, num_disturbed=5))
    makeshift_ms = reference.anchor_ms
    reference.add_visit(made_visit(1.0, 2.0))
    reference.add_visit(made_visit(1.0, 9.0, num_disturbed=5))

    assert makeshift_ms == pytest.approx(9.0)
    assert reference.anchor_ms == pytest.approx(2.0)
