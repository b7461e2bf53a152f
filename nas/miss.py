"""Say that nothing met the budget, and what came nearest."""

import pandas as pd


def nearest_miss(trials: pd.DataFrame, *, text: str, limit_ms: float) -> str:
    """Return the line that ends a search without a winner.

    Args:
        trials: Its trials, as `frames.TRIALS`.
        text: The budget as the user wrote it.
        limit_ms: What it came to.
    """
    measured = trials.dropna(subset=["latency_ms"])
    if measured.empty:
        return f"none of {len(trials)} candidates could be measured against {text}; see `cause` in trials.csv"
    fastest = measured.sort_values("latency_ms").iloc[0]
    is_noise = fastest["latency_ms"] <= limit_ms
    way_out = (
        "the machine was too noisy to tell; run `millinet doctor`, and search again when it is at rest"
        if is_noise
        else "raise the budget, add trials, or allow smaller networks"
    )
    return (
        f"none of {len(trials)} candidates was certified inside {text} ({limit_ms:.3g} ms); "
        f"the fastest, trial {fastest['trial']} ({fastest['architecture']}), took "
        f"{fastest['latency_ms']:.3g} ms [{fastest['latency_low_ms']:.3g}, "
        f"{fastest['latency_high_ms']:.3g}]; {way_out}"
    )
