"""What only a GPU can show, and the reading of its state, which can be checked without one."""

import pytest
import torch
from torch import nn

from millinet.latency import LatencySettings, measure
from millinet.latency.cuda import GpuTimes, fixed_numerics
from millinet.latency.energy import energy_mj
from millinet.latency.nvml import GpuState, hindrance


@pytest.mark.parametrize(
    ("state", "status"),
    [
        (GpuState(), ""),
        (GpuState(num_others=0), ""),
        (GpuState(num_others=1), "contended"),
        (GpuState(throttled_by=("power brake",)), "throttled"),
        (GpuState(throttled_by=("power brake",), num_others=2), "contended"),
    ],
)
def test_others_on_the_gpu_and_a_clock_held_down_make_it_unfit(state: GpuState, status: str) -> None:
    assert hindrance(state) == status


@pytest.mark.parametrize(("graph_ms", "is_bound"), [(1.0, True), (1.9, False), (None, False)])
def test_a_network_well_above_its_graph_is_bound_by_launching(graph_ms: float | None, is_bound: bool) -> None:
    assert GpuTimes(device_ms=1.0, graph_ms=graph_ms).is_launch_bound(2.0) == is_bound


def test_energy_is_that_of_one_call() -> None:
    drawn = [100.0]

    def call() -> None:
        drawn[0] += 0.25

    assert energy_mj(call, lambda: drawn[0]) == pytest.approx(250.0)


def test_a_board_that_does_not_count_has_no_energy() -> None:
    assert energy_mj(lambda: None, lambda: None) is None


def test_on_a_cpu_numerics_are_left_alone() -> None:
    before = torch.backends.cudnn.benchmark

    with fixed_numerics(torch.device("cpu")):
        assert torch.backends.cudnn.benchmark == before


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU")
def test_a_gpu_is_timed_three_ways() -> None:
    model = nn.Sequential(*(nn.Conv2d(8, 8, 3, padding=1) for _ in range(8)))

    measured = measure(model, torch.randn(1, 8, 16, 16), device="cuda:0", settings=LatencySettings())

    assert measured.device_ms is not None
    assert measured.graph_ms is not None
    assert measured.graph_ms < measured.median_ms
