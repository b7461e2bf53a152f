import pandas as pd
import pytest

from nas.miss import nearest_miss


def trials(latency_ms: float) -> pd.DataFrame:
    """Return one trial, measured to a quarter."""
    row = {
        "trial": 3,
        "architecture": "conv3:16 > basic:32x2 > dense",
        "latency_ms": latency_ms,
        "latency_low_ms": 0.75 * latency_ms,
        "latency_high_ms": 1.25 * latency_ms,
    }
    return pd.DataFrame([row, row | {"latency_ms": 9.0}])


@pytest.mark.parametrize(
    ("latency_ms", "way_out"),
    [(2.6, "raise the budget"), (1.9, "search again when it is at rest")],
    ids=["over", "not told apart"],
)
def test_the_way_out_is_by_what_kept_the_fastest_out(latency_ms: float, way_out: str) -> None:
    line = nearest_miss(trials(latency_ms), text="2ms", limit_ms=2.0)

    assert f"trial 3 (conv3:16 > basic:32x2 > dense), took {latency_ms} ms" in line
    assert way_out in line


def test_candidates_that_were_never_measured_are_named_as_such() -> None:
    none = trials(1.0).assign(latency_ms=None)

    assert "none of 2 candidates could be measured against 2ms" in nearest_miss(
        none, text="2ms", limit_ms=2.0
    )
