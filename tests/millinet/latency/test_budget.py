import json

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from millinet.errors import BudgetSyntaxError, ConfigError
from millinet.latency import Budget, LatencyMeter, LatencySettings

POSITIVE = st.floats(min_value=1e-6, max_value=1e6)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2ms", Budget(limit_ms=2.0)),
        ("500us", Budget(limit_ms=0.5)),
        ("0.25 s", Budget(limit_ms=250.0)),
        ("p95<=3ms", Budget(limit_ms=3.0, quantile="p95")),
        (
            "2ms@batch=8,dtype=bf16,device=cuda:0",
            Budget(limit_ms=2.0, batch=8, dtype="bf16", device="cuda:0"),
        ),
        ("0.5x", Budget(ratio=0.5)),
        ("0.5x:resnet50", Budget(ratio=0.5, reference="resnet50")),
        (
            "p95<=0.5x:torchvision:resnet18",
            Budget(ratio=0.5, reference="torchvision:resnet18", quantile="p95"),
        ),
    ],
)
def test_each_form_means_what_the_guide_says(text: str, expected: Budget) -> None:
    assert Budget.parse(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "2",
        "ms",
        "2m",
        "2 hours",
        "0ms",
        "-1ms",
        "nanms",
        "NaN",
        "inf ms",
        "1e400ms",
        "0x",
        "-0.5x",
        "0.5y",
        "2ms@",
        "2ms@batch",
        "2ms@batch=0",
        "2ms@batch=two",
        "2ms@threads=2",
        "2ms@batch=1,batch=2",
        "p42<=2ms",
        "p95<2ms",
        "2ms 3ms",
        "2ms@dtype=fp64",
        "2,5ms",
    ],
)
def test_anything_else_is_refused_in_one_line_with_an_example(text: str) -> None:
    with pytest.raises(BudgetSyntaxError) as caught:
        Budget.parse(text)

    assert "2ms" in str(caught.value)
    assert "\n" not in str(caught.value)


@given(
    ratio=POSITIVE,
    reference=st.none() | st.sampled_from(["resnet50", "network:resnet20", "pkg.module:factory"]),
    quantile=st.sampled_from(["p50", "p95", "p99"]),
    batch=st.none() | st.integers(1, 512),
)
def test_a_budget_reads_back_what_it_writes(
    ratio: float, reference: str | None, quantile: str, batch: int | None
) -> None:
    budget = Budget(ratio=ratio, reference=reference, quantile=quantile, batch=batch)

    assert Budget.parse(str(budget)) == budget


@given(limit_ms=POSITIVE)
def test_an_absolute_budget_reads_back_what_it_writes(limit_ms: float) -> None:
    budget = Budget(limit_ms=limit_ms, device="cuda:1", dtype="fp16")

    assert Budget.parse(str(budget)) == budget


@pytest.mark.parametrize("text", ["500us", "0.25 s", "0.5x:resnet50", "p95<=3ms@batch=8"])
def test_a_budget_is_shown_as_the_user_wrote_it(text: str) -> None:
    assert str(Budget.parse(text)) == text


def test_a_ratio_of_the_model_at_hand_becomes_milliseconds_and_keeps_its_words() -> None:
    model, example = nn.Linear(64, 64), torch.randn(1, 64)

    with LatencyMeter("cpu", LatencySettings(max_visits=5, gap_seconds=0.0)) as meter:
        measured = meter.measure(model, example)
        resolved = Budget.parse("0.5x").resolve(example, meter=meter, model=model)

    assert resolved.limit_ms is not None
    assert 0.2 * measured.median_ms < resolved.limit_ms < 1.25 * measured.median_ms
    assert str(resolved) == "0.5x"
    assert Budget(**json.loads(json.dumps(resolved.as_dict()))) == resolved


def test_a_ratio_of_a_named_network_is_measured_by_its_name() -> None:
    example = torch.randn(1, 3, 8, 8)

    with LatencyMeter("cpu", LatencySettings(max_visits=5, gap_seconds=0.0)) as meter:
        resolved = Budget.parse("0.5x:resnet20").resolve(example, meter=meter)

    assert resolved.is_resolved


def test_a_ratio_of_nothing_is_refused() -> None:
    with LatencyMeter("cpu") as meter, pytest.raises(ConfigError, match=r"0\.5x:resnet50"):
        Budget.parse("0.5x").resolve(torch.randn(1, 4), meter=meter)


def test_an_absolute_budget_needs_no_measurement() -> None:
    budget = Budget.parse("2ms")

    with LatencyMeter("cpu") as meter:
        assert budget.resolve(torch.randn(1, 4), meter=meter) == budget
