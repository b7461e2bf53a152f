"""How well do 50 measurements rank a space? Fits the latency model to them and predicts other candidates.

python -m benchmarks.latency_model --space tiny --candidates 150      # about 3 minutes; --device cuda
"""

import argparse
from collections.abc import Sequence

import numpy as np
import torch
from scipy.stats import spearmanr

from benchmarks.record import record
from millinet.device import set_threads
from millinet.latency import LatencyMeter, LatencySettings
from millinet.latency.model import fit_latency_model
from millinet.statistics import Interval
from search_spaces import load_space


def covered(predicted: Sequence[Interval], truth: Sequence[float]) -> float:
    """Return how often a measured value lies in the interval predicted for it."""
    return float(np.mean([one.low <= value <= one.high for one, value in zip(predicted, truth, strict=True)]))


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--space", default="tiny")
    parser.add_argument("--candidates", type=int, default=150)
    parser.add_argument("--measured", type=int, default=50)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--device", default="cpu")
    asked = parser.parse_args()
    set_threads(1)
    rng = np.random.default_rng(asked.seed)
    space = load_space(asked.space, in_channels=1, num_classes=10, resolution=(8, 8))
    architectures = [space.sample(rng) for _ in range(asked.candidates)]
    example = torch.randn(1, 1, 8, 8, generator=torch.Generator().manual_seed(asked.seed))
    with LatencyMeter(asked.device, LatencySettings(half_width=0.05, max_visits=8)) as meter:
        found = [meter.measure(one.build(), example) for one in architectures]
    latencies = np.array([one.median_ms for one in found])
    points = [space.params(one) for one in architectures]
    costs = [one.costs() for one in architectures]
    sizes = [(one.macs, one.parameters) for one in costs]
    rows = []
    for name, beside in (("choices", []), ("choices, MACs and parameters", sizes)):
        known = slice(0, asked.measured)
        rest = slice(asked.measured, None)
        model = fit_latency_model(points[known], list(latencies[known]), sizes=beside[known])
        predicted = model.predict(points[rest], sizes=beside[rest])
        centres = np.array([one.estimate for one in predicted])
        truth = latencies[rest]
        rows.append(
            {
                "features": name,
                "measured": asked.measured,
                "predicted": len(truth),
                "spearman": float(spearmanr(centres, truth).statistic),
                "within_10pct": float(np.mean(np.abs(centres / truth - 1) <= 0.1)),
                "covered_at_90pct": covered(predicted, list(truth)),
                "typical_error": model.typical_error,
            }
        )
    macs = np.array([one.macs for one in costs[asked.measured :]])
    rows.append({"features": "MACs alone", "spearman": float(spearmanr(macs, latencies[rest]).statistic)})
    share_ok = float(np.mean([one.status == "ok" for one in found]))
    rows.append({"features": "none", "share_of_measurements_ok": share_ok})
    record("latency_model", rows, device=asked.device)


if __name__ == "__main__":
    main()
