import json

import pytest
import torch
from torch import nn

from millinet.device import describe, evaluating, resolve_device, set_threads, usable_cores, using_threads
from millinet.errors import ConfigError


def test_the_cpu_goes_by_its_name() -> None:
    assert resolve_device("cpu") == torch.device("cpu")


@pytest.mark.parametrize("name", [None, "auto"])
def test_auto_takes_a_gpu_where_there_is_one(name: str | None) -> None:
    assert resolve_device(name).type == ("cuda" if torch.cuda.is_available() else "cpu")


@pytest.mark.parametrize("name", ["tpu", "CPU", "cpu:1", "cuda:", "cuda:-1", ""])
def test_a_name_that_is_no_device_is_refused(name: str) -> None:
    with pytest.raises(ConfigError, match="a device is cpu, cuda, cuda:N or auto"):
        resolve_device(name)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_gpu_that_is_not_there_is_refused_with_a_way_out() -> None:
    with pytest.raises(ConfigError, match="use cpu or auto"):
        resolve_device("cuda:0")


def test_a_description_is_json_and_says_how_many_threads_compute() -> None:
    info = describe("cpu")

    assert json.loads(json.dumps(info.as_dict()))["threads"] == torch.get_num_threads()
    assert info.name
    assert info.cores == usable_cores()


def test_evaluating_gives_every_module_its_own_mode_back() -> None:
    model = nn.Sequential(nn.Dropout(), nn.BatchNorm1d(2))
    model[1].eval()

    with evaluating(model):
        modes_inside = [module.training for module in model.modules()]
        has_gradients = torch.is_grad_enabled()

    assert modes_inside == [False, False, False]
    assert not has_gradients
    assert [module.training for module in model.modules()] == [True, True, False]


@pytest.mark.parametrize("threads", [0, -1, 10_000])
def test_a_number_of_threads_this_machine_has_not_is_refused(threads: int) -> None:
    with pytest.raises(ConfigError, match=f"got {threads}"):
        set_threads(threads)


def test_threads_are_given_back_after_an_error() -> None:
    before = torch.get_num_threads()

    with pytest.raises(ZeroDivisionError), using_threads(1):
        _ = 1 / 0

    assert torch.get_num_threads() == before
