import numpy as np
import pytest
from scipy.stats import spearmanr

from millinet.errors import ConfigError
from millinet.latency.model import fit_latency_model

SECONDS = {"basic": 1.0, "bottleneck": 0.6, "inverted": 1.5}


def candidates(
    count: int, *, seed: int = 0
) -> tuple[list[dict[str, object]], list[float], list[list[float]]]:
    """Make up candidates whose latency is a product over stages, with 2% noise, and their MACs."""
    rng = np.random.default_rng(0)
    points, latencies, sizes = [], [], []
    for _ in range(count):
        point: dict[str, object] = {}
        latency, macs = 0.1, 1.0
        for stage in range(3):
            block, width = str(rng.choice(list(SECONDS))), int(rng.choice([16, 32, 64]))
            point |= {f"s{stage}.block": block, f"s{stage}.width": width}
            latency *= SECONDS[block] * (width / 32) ** 0.5
            macs *= width
        points.append(point)
        latencies.append(latency * float(np.exp(0.02 * rng.standard_normal())))
        sizes.append([macs])
    return points, latencies, sizes


def test_fifty_measurements_rank_and_predict_an_additive_space() -> None:
    points, latencies, _ = candidates(150)

    model = fit_latency_model(points[:50], latencies[:50])
    predicted = [interval.estimate for interval in model.predict(points[50:])]

    assert spearmanr(predicted, latencies[50:]).statistic > 0.98
    assert np.mean(np.abs(np.array(predicted) / latencies[50:] - 1) < 0.1) > 0.95


def test_the_intervals_hold_about_as_many_new_candidates_as_they_say() -> None:
    points, latencies, sizes = candidates(400)

    model = fit_latency_model(points[:60], latencies[:60], sizes=sizes[:60])
    predicted = model.predict(points[60:], sizes=sizes[60:], confidence=0.9)

    covered = [one.low <= value <= one.high for one, value in zip(predicted, latencies[60:], strict=True)]
    assert 0.8 <= np.mean(covered) <= 0.99


def test_a_choice_never_measured_is_predicted_from_the_others() -> None:
    points, latencies, _ = candidates(30)

    found = fit_latency_model(points, latencies).predict([{**points[0], "s0.block": "unheard of"}])

    assert 0 < found[0].low < found[0].estimate < found[0].high


@pytest.mark.parametrize("latencies", [[1.0] * 4, [1.0] * 9 + [0.0], [1.0] * 9 + [float("nan")]])
def test_too_few_or_impossible_latencies_are_refused(latencies: list[float]) -> None:
    points, _, _ = candidates(len(latencies))

    with pytest.raises(ConfigError):
        fit_latency_model(points, latencies)


def test_sizes_left_out_at_prediction_are_refused() -> None:
    points, latencies, sizes = candidates(20)
    model = fit_latency_model(points, latencies, sizes=sizes)

    with pytest.raises(ConfigError, match="got 0 of 20"):
        model.predict(points)
