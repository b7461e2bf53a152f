"""Whatever a model or an example does wrong costs one clear line, and leaves the model as it was."""

import pytest
import torch
from torch import Tensor, nn

from millinet.errors import ConfigError, MeasurementError
from millinet.latency import LatencySettings, measure, profile
from millinet.latency.nvml import GpuState, gpu_state

BRIEF = LatencySettings(max_visits=2, gap_seconds=0.0)


class Returning(nn.Module):
    """Returns what it was told to instead of a tensor."""

    def __init__(self, kind: str) -> None:
        super().__init__()
        self.kind = kind
        self.norm = nn.BatchNorm1d(4)
        self.linear = nn.Linear(4, 4)

    def forward(self, images: Tensor) -> object:
        output = self.norm(self.linear(images))
        return {"dict": {"logits": output}, "tuple": (output, output), "none": None}[self.kind]


class Moving(nn.Linear):
    """Moves itself to another device."""

    def forward(self, images: Tensor) -> Tensor:
        output = super().forward(images)
        self.to("meta")
        return output


class ByValue(nn.Linear):
    """Its shapes depend on the values of its input."""

    def forward(self, images: Tensor) -> Tensor:
        return super().forward(images[images.sum(1) > 0])


class Printing(nn.Linear):
    """Prints at every call."""

    def forward(self, images: Tensor) -> Tensor:
        print("forward")  # noqa: T201
        return super().forward(images)


class Failing(nn.Linear):
    """Raises from a given call on."""

    calls = 0
    last = 1

    def forward(self, images: Tensor) -> Tensor:
        self.calls += 1
        if self.calls > self.last:
            raise RuntimeError("the cache is stale\nsecond line")
        return super().forward(images)


class Leaking(nn.Linear):
    """Keeps every output."""

    def __init__(self) -> None:
        super().__init__(4, 4)
        self.kept: list[Tensor] = []

    def forward(self, images: Tensor) -> Tensor:
        self.kept.append(super().forward(images))
        return self.kept[-1]


@pytest.fixture
def example() -> Tensor:
    return torch.ones(2, 4)


@pytest.mark.parametrize("kind", ["dict", "tuple", "none"])
def test_a_model_may_return_anything(kind: str, example: Tensor) -> None:
    assert measure(Returning(kind), example, settings=BRIEF).median_ms > 0


def test_a_model_whose_shapes_depend_on_values_is_measured(example: Tensor) -> None:
    assert measure(ByValue(4, 4), example, settings=BRIEF).median_ms > 0


def test_a_model_that_moves_itself_is_named_and_left_where_it_was(example: Tensor) -> None:
    model = Moving(4, 4)

    with pytest.raises(MeasurementError, match="Moving"):
        measure(model, example, settings=BRIEF)

    assert model.weight.device == torch.device("cpu")


def test_a_model_that_prints_is_measured_in_silence_and_noted(
    example: Tensor, capsys: pytest.CaptureFixture[str]
) -> None:
    measured = measure(Printing(4, 4), example, settings=BRIEF)

    assert measured.note == "prints in its forward pass"
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("last", [0, 1, 2, 30])
def test_a_model_that_fails_at_some_call_is_one_line(last: int, example: Tensor) -> None:
    model = Failing(4, 4)
    model.last = last

    with pytest.raises(MeasurementError, match="the cache is stale") as caught:
        measure(model, example, settings=BRIEF)

    assert "\n" not in str(caught.value)


def test_what_a_model_keeps_goes_with_its_copy(example: Tensor) -> None:
    model = Leaking()

    measure(model, example, settings=BRIEF)

    assert model.kept == []


def test_a_model_slower_than_the_limit_is_refused_after_two_calls(example: Tensor) -> None:
    settings = LatencySettings(max_call_seconds=1e-9)

    with pytest.raises(MeasurementError, match="raise max_call_seconds"):
        measure(nn.Linear(4, 4), example, settings=settings)


def test_a_model_that_cannot_be_copied_is_one_line(example: Tensor) -> None:
    model = nn.Linear(4, 4)
    model.__dict__["numbers"] = (number for number in range(3))

    with pytest.raises(MeasurementError, match="cannot be copied"):
        measure(model, example, settings=BRIEF)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float16, torch.bfloat16])
def test_an_example_of_another_dtype_is_converted(dtype: torch.dtype, example: Tensor) -> None:
    assert measure(nn.Linear(4, 4), example.to(dtype), settings=BRIEF).settings.dtype == "fp32"


def test_a_model_in_half_precision_is_measured_in_the_dtype_asked_for(example: Tensor) -> None:
    model = nn.Linear(4, 4).half()

    measure(model, example, settings=BRIEF)

    assert model.weight.dtype == torch.float16


def test_an_example_of_the_wrong_shape_is_one_line(example: Tensor) -> None:
    with pytest.raises(MeasurementError, match="it must accept the example"):
        measure(nn.Linear(5, 4), example, settings=BRIEF)


def test_what_has_no_values_is_named(example: Tensor) -> None:
    model = nn.Sequential(nn.Flatten(), nn.LazyLinear(4))
    model(example)

    with pytest.raises(MeasurementError, match="the example is on the meta device"):
        measure(model, example.to("meta"))
    with pytest.raises(MeasurementError, match="Sequential is on the meta device"):
        measure(model.to("meta"), example)


def test_an_empty_example_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"\(0, 4\)"):
        measure(nn.Linear(4, 4), torch.ones(0, 4), settings=BRIEF)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_device_that_is_not_there_is_one_line(example: Tensor) -> None:
    with pytest.raises(ConfigError, match="no usable CUDA device"):
        measure(nn.Linear(4, 4), example, device="cuda:0")


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_without_a_driver_to_ask_every_reading_is_missing() -> None:
    assert gpu_state(torch.device("cuda:0")) == GpuState()


def test_one_bad_model_costs_its_own_row_only(example: Tensor) -> None:
    frame = profile({"bad": Failing(4, 4), "good": nn.Linear(4, 4)}, example, settings=BRIEF)

    assert frame["status"].tolist()[0] == "failed"
    assert "stale" in frame["cause"].tolist()[0]
    assert frame["latency_ms"].notna().tolist() == [False, True]


def test_profile_of_nothing_is_refused(example: Tensor) -> None:
    with pytest.raises(ConfigError, match="at least one model"):
        profile({}, example)
