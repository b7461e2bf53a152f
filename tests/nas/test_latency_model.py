from math import sqrt

import numpy as np
import pytest
from scipy.stats import spearmanr

from millinet.errors import ConfigError
from nas.latency_model import LatencyModel
from search_spaces import Architecture, SearchSpace, load_space, network


@pytest.fixture(scope="module")
def space() -> SearchSpace:
    return load_space("tiny", in_channels=1, resolution=(8, 8))


def measured(space: SearchSpace, count: int, *, seed: int = 0) -> tuple[list[Architecture], list[float]]:
    """Draw architectures with a latency that follows blocks and multiply-adds, and noise of 3%."""
    rng = np.random.default_rng(seed)
    architectures = [space.sample(rng) for _ in range(count)]
    latencies = [
        (0.05 * len(one.blocks) + sqrt(one.tally().macs) / 1e4) * float(np.exp(0.03 * rng.standard_normal()))
        for one in architectures
    ]
    return architectures, latencies


def test_fifty_measurements_rank_a_space(space: SearchSpace) -> None:
    architectures, latencies = measured(space, 150)

    model = LatencyModel(space, architectures[:50], latencies[:50])
    predicted = [one.estimate for one in model.predict(architectures[50:])]

    assert spearmanr(predicted, latencies[50:]).statistic > 0.95
    assert np.mean(np.abs(np.array(predicted) / latencies[50:] - 1) < 0.1) > 0.8


def test_the_intervals_hold_about_as_many_new_candidates_as_they_say(space: SearchSpace) -> None:
    architectures, latencies = measured(space, 260, seed=1)

    model = LatencyModel(space, architectures[:60], latencies[:60])
    predicted = model.predict(architectures[60:], confidence=0.9)

    covered = [one.low <= value <= one.high for one, value in zip(predicted, latencies[60:], strict=True)]
    assert 0.8 <= np.mean(covered) <= 0.99


def test_a_network_unlike_those_measured_is_less_certain(space: SearchSpace) -> None:
    architectures, latencies = measured(space, 40)
    model = LatencyModel(space, architectures[:20], latencies[:20])

    known, unknown = model.predict(architectures[:20]), model.predict(architectures[20:])

    assert np.median([one.high / one.low for one in unknown]) > np.median(
        [one.high / one.low for one in known]
    )


@pytest.mark.parametrize("latencies", [[1.0] * 4, [1.0] * 9 + [0.0], [1.0] * 9 + [float("nan")]])
def test_too_few_or_impossible_latencies_are_refused(space: SearchSpace, latencies: list[float]) -> None:
    architectures, _ = measured(space, len(latencies))

    with pytest.raises(ConfigError, match=r"at least 5|positive and finite"):
        LatencyModel(space, architectures, latencies)


def test_an_architecture_of_another_space_is_refused(space: SearchSpace) -> None:
    model = LatencyModel(space, *measured(space, 10))

    with pytest.raises(ConfigError):
        model.predict([network("mobilenet_v2", in_channels=1, resolution=(8, 8))])
