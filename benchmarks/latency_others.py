"""Beside other tools: the same deployed model, in turn, in one run; how far do repeats of each tool scatter?

Each repeat of a tool gives one number, which is compared with the mean of that tool's own repeats. timm's way
is 10 calls of warm-up, then the mean of 40. Triton's do_bench joins on a GPU.

    python -m benchmarks.latency_others --repeats 20      # about 3 minutes; --device cuda for a GPU
"""

import argparse
from collections.abc import Callable
from statistics import fmean, quantiles, stdev
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.benchmark import Timer

from benchmarks.latency_subjects import subjects
from benchmarks.record import record
from millinet.device import resolve_device, set_threads
from millinet.latency import LatencyMeter, LatencySettings, deployed
from millinet.latency.cuda import fixed_numerics
from millinet.latency.subject import placed
from millinet.latency.timer import time_once

SETTINGS = LatencySettings()


def timer(form: nn.Module, images: Tensor) -> Timer:
    """Return torch's own timer of one call."""
    return Timer("form(images)", globals={"form": form, "images": images}, num_threads=1)


def blocked(form: nn.Module, images: Tensor) -> float:
    """Return the median of torch's blocked_autorange, in milliseconds."""
    return timer(form, images).blocked_autorange(min_run_time=0.2).median * 1e3


def adaptive(form: nn.Module, images: Tensor) -> float:
    """Return the median of torch's adaptive_autorange, in milliseconds."""
    return timer(form, images).adaptive_autorange(min_run_time=0.05, max_run_time=2.0).median * 1e3


def mean_of_ten(form: nn.Module, images: Tensor) -> float:
    """Return the mean of ten calls after one, in milliseconds."""
    waited(form, images)
    return fmean(time_once(lambda: waited(form, images)) for _ in range(10))


def as_timm_does(form: nn.Module, images: Tensor) -> float:
    """Return the mean of 40 calls after 10, in milliseconds."""
    for _ in range(10):
        waited(form, images)
    return fmean(time_once(lambda: waited(form, images)) for _ in range(40))


def do_bench(form: nn.Module, images: Tensor) -> float:
    """Return the median of Triton's do_bench, in milliseconds: GPU events, cold second-level cache."""
    from triton import testing  # comes with torch's CUDA builds alone

    return float(testing.do_bench(lambda: form(images), return_mode="median"))


def waited(form: nn.Module, images: Tensor) -> None:
    """Call a network and wait for a GPU to be done with it."""
    form(images)
    if images.is_cuda:
        torch.cuda.synchronize(images.device)


TOOLS: dict[str, Callable[[nn.Module, Tensor], float]] = {
    "torch blocked_autorange": blocked,
    "torch adaptive_autorange": adaptive,
    "mean of 10": mean_of_ten,
    "timm's benchmark": as_timm_does,
}
GPU_TOOLS = {"triton do_bench": do_bench}


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=20)
    parser.add_argument("--device", default="cpu")
    asked = parser.parse_args()
    set_threads(1)
    device = resolve_device(asked.device)
    tools = TOOLS | (GPU_TOOLS if device.type == "cuda" else {})
    rows: list[dict[str, Any]] = []
    for name, model, example in subjects():
        form = deployed(model, example, device=device, settings=SETTINGS)
        images = placed(example, device=device, settings=SETTINGS)
        found: dict[str, list[float]] = {tool: [] for tool in ("millinet", *tools)}
        with LatencyMeter(device, SETTINGS) as meter, torch.inference_mode(), fixed_numerics(device):
            for _ in range(asked.repeats):
                found["millinet"].append(meter.measure(model, example).median_ms)
                for tool, run in tools.items():
                    found[tool].append(run(form, images))
        for tool, values in found.items():
            mean = fmean(values)
            low, high = quantiles(values, n=20)[0], quantiles(values, n=20)[-1]
            rows.append(
                {
                    "network": name,
                    "tool": tool,
                    "repeats": len(values),
                    "mean_ms": mean,
                    "cv": stdev(values) / mean,
                    "p5_to_p95": (high - low) / mean,
                    "off_by_over_5pct": fmean(abs(value / mean - 1) > 0.05 for value in values),
                }
            )
    record("latency_others", rows, device=asked.device)


if __name__ == "__main__":
    main()
