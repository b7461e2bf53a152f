"""Every engine, dtype and memory format a network can be measured in."""

import pytest
import torch
from torch import Tensor, nn

from millinet.errors import MeasurementError
from millinet.latency import LatencySettings, deployed, layer_profile, measure
from millinet.latency.engines import ENGINES
from millinet.latency.references import Ladder, rung
from millinet.latency.settings import DTYPES, MEMORY_FORMATS
from millinet.latency.timer import Calls
from millinet.latency.visit import Visit

CPU = torch.device("cpu")
SLOW_ENGINES = {"compile"}


def small() -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(3, 8, 3, bias=False), nn.BatchNorm2d(8), nn.ReLU(), nn.Flatten(), nn.Linear(288, 10)
    )


@pytest.fixture
def images() -> Tensor:
    return torch.randn(2, 3, 8, 8)


@pytest.mark.parametrize(
    "engine",
    [pytest.param(name, marks=[pytest.mark.slow] if name in SLOW_ENGINES else []) for name in ENGINES],
)
def test_every_engine_computes_what_the_model_computes(engine: str, images: Tensor) -> None:
    model = small().eval()

    output = ENGINES[engine](model, images)()

    found = output if isinstance(output, Tensor) else torch.as_tensor(output[0])  # type: ignore[index]
    torch.testing.assert_close(found, model(images).detach(), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("memory_format", MEMORY_FORMATS)
def test_every_form_is_measured_and_recorded(dtype: str, memory_format: str, images: Tensor) -> None:
    settings = LatencySettings(dtype=dtype, memory_format=memory_format, max_visits=1)

    measured = measure(small(), images, settings=settings)

    row = measured.row()
    assert (row["dtype"], row["memory_format"], row["batch"]) == (dtype, memory_format, 2)


def test_onnxruntime_refuses_what_it_cannot_measure(images: Tensor) -> None:
    with pytest.raises(MeasurementError, match="fp32 on the CPU"):
        measure(small(), images, settings=LatencySettings(engine="onnxruntime", dtype="bf16"))


@pytest.mark.parametrize(("batch", "measured_batch"), [(None, 2), (1, 1), (5, 5)])
def test_the_batch_of_the_settings_comes_before_the_examples(
    batch: int | None, measured_batch: int, images: Tensor
) -> None:
    measured = measure(small(), images, settings=LatencySettings(batch=batch, max_visits=1))

    assert measured.settings.batch == measured_batch


def test_the_deployed_form_is_folded_and_in_evaluation(images: Tensor) -> None:
    form = deployed(small(), images, device=CPU, settings=LatencySettings())

    assert not any(isinstance(module, nn.BatchNorm2d) for module in form.modules())
    assert not form.training


def test_norms_stay_where_folding_is_switched_off(images: Tensor) -> None:
    form = deployed(small(), images, device=CPU, settings=LatencySettings(fold=False))

    assert any(isinstance(module, nn.BatchNorm2d) for module in form.modules())


def test_each_rung_has_twice_the_work_of_the_one_before() -> None:
    def work(level: int) -> int:
        network, example = rung(level)
        return len(list(network.children())) * example.numel()

    assert [work(level + 1) / work(level) for level in range(10)] == [2.0] * 10


def test_a_rung_is_the_same_in_every_process() -> None:
    first, second = rung(3), rung(3)

    torch.testing.assert_close(first[0](first[1]), second[0](second[1]))


def test_a_longer_candidate_is_given_a_longer_reference() -> None:
    ladder = Ladder(CPU, LatencySettings(fold=False))

    levels = [int(ladder.for_duration(duration).name.split()[1]) for duration in (0.001, 0.5, 8.0)]

    assert levels == sorted(set(levels))


def test_a_reference_that_is_known_serves_candidates_within_a_factor_of_two() -> None:
    ladder = Ladder(CPU, LatencySettings(fold=False))
    known = ladder.for_duration(0.5)
    known.add_visit(
        Visit(candidate=Calls([1.0] * 10, [False] * 10), reference=Calls([0.5] * 10, [False] * 10))
    )

    assert {ladder.for_duration(duration).name for duration in (0.26, 0.4, 0.9)} == {known.name}
    assert ladder.for_duration(2.0) is not known


def test_the_layers_of_the_deployed_form_are_listed_in_order(images: Tensor) -> None:
    found = layer_profile(small(), images)

    assert [layer.kind for layer in found.layers] == ["Conv2d", "ReLU", "Flatten", "Linear"]
    assert found.sum_ms == pytest.approx(sum(layer.time_ms for layer in found.layers))
    assert sum(layer.share for layer in found.layers) == pytest.approx(found.sum_ms / found.end_to_end_ms)


def test_layers_that_do_not_sum_to_the_whole_are_said_to() -> None:
    class Outside(nn.Module):
        """Does its work outside any layer."""

        def __init__(self) -> None:
            super().__init__()
            self.identity = nn.ReLU()

        def forward(self, images: Tensor) -> Tensor:
            return self.identity(images) @ images.T @ images @ images.T @ images

    found = layer_profile(Outside(), torch.randn(256, 256))

    assert "outside leaf modules" in found.note
