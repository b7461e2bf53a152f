import json
from dataclasses import replace
from math import exp

import pytest

from millinet.device import describe
from millinet.errors import ConfigError
from millinet.frames import LATENCY
from millinet.latency import Budget, LatencyMeasurement, LatencySettings, combine


def made(
    low_ms: float = 1.9, high_ms: float = 2.1, *, status: str = "ok", num_calls: int = 100
) -> LatencyMeasurement:
    """Make up a measurement around 2 ms whose calls run evenly from 1.9 to 2.1 ms."""
    return LatencyMeasurement(
        median_ms=2.0,
        low_ms=low_ms,
        high_ms=high_ms,
        wall_median_ms=2.0,
        ratio=1.0,
        ratio_low=low_ms / 2,
        ratio_high=high_ms / 2,
        reference="rung 7",
        reference_ms=2.0,
        num_calls=num_calls,
        num_visits=5,
        confidence=0.95,
        status=status,
        share_undisturbed=1.0,
        device=describe("cpu"),
        settings=LatencySettings(batch=1),
        calls_ms=tuple(1.9 + 0.2 * index / (num_calls - 1) for index in range(num_calls)),
    )


@pytest.mark.parametrize(
    ("budget", "verdict"),
    [
        ("2.1ms", "meets"),
        ("2.2ms", "meets"),
        ("2ms", "undecided"),
        ("1.9ms", "undecided"),
        ("1.8ms", "fails"),
    ],
)
def test_the_verdict_is_read_off_the_interval_and_never_off_the_estimate(budget: str, verdict: str) -> None:
    assert made().verdict(Budget.parse(budget)) == verdict


@pytest.mark.parametrize("status", ["contended", "throttled"])
def test_an_unfit_machine_gives_no_verdict(status: str) -> None:
    assert made(status=status).verdict(Budget.parse("1s")) == "undecided"


def test_the_worst_hindrance_decides_the_status() -> None:
    assert made().hindered(["", "throttled"]).status == "throttled"
    assert made(status="noisy").hindered([""]).status == "noisy"


def test_a_budget_on_the_tail_is_judged_by_the_bounds_of_the_tail() -> None:
    measured = made()

    assert measured.verdict(Budget.parse("p95<=2.15ms")) == "meets"
    assert measured.verdict(Budget.parse("p95<=2.0ms")) == "fails"


def test_a_tail_that_too_few_calls_cannot_bound_is_undecided() -> None:
    measured = made(num_calls=58)

    assert measured.p95_ms is None
    assert measured.p95_high_ms is None
    assert measured.verdict(Budget.parse("p95<=1s")) == "undecided"


def test_a_relative_budget_has_to_be_resolved_first() -> None:
    with pytest.raises(ConfigError, match=r"call resolve\(\)"):
        made().verdict(Budget.parse("0.5x"))


@pytest.mark.parametrize("budget", ["2ms@batch=8", "2ms@dtype=bf16"])
def test_a_budget_for_another_form_is_refused(budget: str) -> None:
    with pytest.raises(ConfigError, match="the budget"):
        made().verdict(Budget.parse(budget))


def test_a_row_fits_the_frame() -> None:
    row = made().row(model="a", budget=Budget.parse("3ms"), macs=7)

    frame = LATENCY.frame([row])

    assert frame["verdict"].tolist() == ["meets"]
    assert frame["macs"].tolist() == [7]


def test_a_measurement_survives_the_trip_through_json() -> None:
    measured = made()

    assert LatencyMeasurement.from_dict(json.loads(json.dumps(measured.as_dict()))) == measured


def test_processes_are_as_fit_as_the_worst_of_them() -> None:
    combined = combine([made(), made(status="contended"), made(status="noisy")])

    assert combined.status == "contended"
    assert combined.num_processes == 3
    assert combined.num_calls == 300


def test_the_interval_of_several_processes_holds_their_spread() -> None:
    agreeing = combine([made(), made(), made()])
    differing = combine([replace(made(), median_ms=median_ms) for median_ms in (1.8, 2.0, 2.2)])

    assert differing.half_width > 2 * agreeing.half_width


def test_the_doubt_of_one_process_is_the_doubt_of_all() -> None:
    sure = combine([made(), made(), made()])
    doubtful = combine([made(), made(), replace(made(), doubt=0.1)])

    assert doubtful.high_ms == pytest.approx(sure.high_ms * exp(0.1))
    assert doubtful.low_ms == pytest.approx(sure.low_ms / exp(0.1))


def test_nothing_cannot_be_combined() -> None:
    with pytest.raises(ConfigError):
        combine([])


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("confidence", 95.0),
        ("dtype", "fp64"),
        ("memory_format", "nchw"),
        ("engine", "tensorrt"),
        ("threads", 0),
        ("batch", 0),
        ("half_width", 2.0),
        ("gap_seconds", -1.0),
        ("max_call_seconds", 0.0),
        ("max_visits", 0),
    ],
)
def test_a_setting_that_cannot_work_is_refused_with_its_value(name: str, value: object) -> None:
    with pytest.raises(ConfigError, match=str(value)):
        replace(LatencySettings(), **{name: value})  # type: ignore[arg-type]


def test_a_budget_decides_batch_and_dtype_of_the_settings() -> None:
    settings = LatencySettings(threads=1).under(Budget.parse("2ms@batch=8,dtype=bf16"))

    assert (settings.batch, settings.dtype) == (8, "bf16")
