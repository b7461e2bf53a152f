"""Weights come without pickle, and fit or are refused in one line."""

from collections.abc import Callable
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZipFile

import pytest
import torch
from torch import nn
from torchvision.models import googlenet

from millinet.errors import ModelError
from millinet.weights import begin_from, load_weights, save_weights


def network(num_classes: int, width: int = 8) -> nn.Module:
    torch.manual_seed(num_classes)
    return nn.Sequential(nn.Conv2d(3, width, 3), nn.BatchNorm2d(width), nn.Linear(width, num_classes))


@pytest.mark.parametrize("name", ["weights.safetensors", "weights.pt"])
def test_weights_come_back_as_they_were(tmp_path: Path, name: str) -> None:
    saved, model = network(4), network(4)
    nn.init.ones_(saved[0].weight)
    if name.endswith(".pt"):
        torch.save({"state_dict": saved.state_dict()}, tmp_path / name)
    else:
        save_weights(saved, tmp_path / name)

    load_weights(model, tmp_path / name)

    assert all(torch.equal(value, model.state_dict()[key]) for key, value in saved.state_dict().items())


def test_a_start_for_other_classes_takes_all_but_the_last_layer(tmp_path: Path) -> None:
    known, model = network(1000), network(4)
    save_weights(known, tmp_path / "w.safetensors")
    fresh = model[2].weight.detach().clone()

    assert begin_from(model, tmp_path / "w.safetensors") == "2"

    assert torch.equal(model[0].weight, known[0].weight)
    assert torch.equal(model[2].weight, fresh)


def test_a_start_for_the_same_classes_takes_all(tmp_path: Path) -> None:
    known, model = network(4), network(4)
    nn.init.ones_(known[2].weight)
    save_weights(known, tmp_path / "w.safetensors")

    assert begin_from(model, tmp_path / "w.safetensors") is None
    assert torch.equal(model[2].weight, known[2].weight)


@pytest.mark.parametrize("load", [load_weights, begin_from])
def test_auxiliary_classifiers_are_passed_over_where_the_model_has_none(
    tmp_path: Path, load: Callable[[nn.Module, Path], object]
) -> None:
    trained = googlenet(num_classes=3, aux_logits=True, init_weights=False)
    model = googlenet(num_classes=3, aux_logits=False, init_weights=False)
    save_weights(trained, tmp_path / "w.safetensors")

    load(model, tmp_path / "w.safetensors")

    assert torch.equal(model.state_dict()["conv1.conv.weight"], trained.state_dict()["conv1.conv.weight"])


@pytest.mark.parametrize("load", [load_weights, begin_from])
@pytest.mark.parametrize(
    ("content", "message"),
    [
        (network(4, width=6).state_dict(), "do not fit the model: size mismatch for 0.weight"),
        ({"conv": torch.zeros(1)}, "do not fit the model: Missing key"),
        ([torch.zeros(1)], "holds a list"),
        (nn.Identity(), "holds more than tensors, and no pickle is loaded"),
    ],
)
def test_what_does_not_fit_is_refused_in_one_line(
    tmp_path: Path, load: Callable[[nn.Module, Path], object], content: object, message: str
) -> None:
    torch.save(content, tmp_path / "w.pt")

    with pytest.raises(ModelError, match=message) as refused:
        load(network(4), tmp_path / "w.pt")

    assert "\n" not in str(refused.value)


def test_a_compressed_archive_is_not_unpacked(tmp_path: Path) -> None:
    bomb = tmp_path / "weights.pt"
    with ZipFile(bomb, "w", ZIP_DEFLATED) as archive:
        archive.writestr("archive/data.pkl", bytes(10_000_000))

    with pytest.raises(ModelError, match="is compressed"):
        load_weights(network(4), bomb)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"no weights at .*w\.pt; give a \.safetensors file"):
        load_weights(network(4), tmp_path / "w.pt")
