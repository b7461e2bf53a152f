"""Models from what a user writes, and weights without pickle."""

import pickle
import sys
from pathlib import Path

import pytest
import torch
from torch import nn

from millinet.errors import ModelError, RunFolderError, UnknownNameError
from millinet.models import load_model, save_model
from millinet.weights import load_weights, save_weights


def small() -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.Flatten(), nn.Linear(4 * 36, 10))


def test_a_torchvision_model_takes_our_classes_and_channels() -> None:
    loaded = load_model("torchvision:resnet18", num_classes=7, in_channels=1, resolution=(32, 32))

    assert loaded.model(torch.zeros(2, 1, 32, 32)).shape == (2, 7)
    assert loaded.input_shape == (1, 32, 32)
    assert not loaded.model.training


@pytest.mark.parametrize(
    ("source", "error", "message"),
    [
        ("torchvision:resnet19", UnknownNameError, "did you mean 'resnet18'"),
        ("torchvisoin:resnet18", UnknownNameError, "did you mean 'torchvision'"),
        ("resnet18", ModelError, "a model is a run folder"),
        ("net.pt2", ModelError, "exported graph"),
        ("math:sqrt", ModelError, "raised|must return"),
        ("math:nothing", ModelError, "has no function 'nothing'"),
        ("no.such.module:net", ModelError, "no module 'no.such.module' to take 'net' from"),
    ],
)
def test_a_source_that_cannot_work_gets_one_line(source: str, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        load_model(source)


def test_a_factory_in_the_working_folder_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "my_nets.py").write_text(
        "from torch import nn\ndef net(num_classes=3):\n"
        "    return nn.Sequential(nn.Flatten(), nn.Linear(4, num_classes))\n"
    )
    monkeypatch.chdir(tmp_path)

    loaded = load_model("my_nets:net", num_classes=5)

    assert loaded.model(torch.zeros(1, 1, 2, 2)).shape == (1, 5)
    sys.modules.pop("my_nets")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("def net(:\n", "does not run: SyntaxError"),
        ("import absent_wheel\n", "No module named 'absent_wheel'"),
    ],
)
def test_a_module_that_does_not_run_gets_one_line(
    content: str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "broken_nets.py").write_text(content)
    monkeypatch.chdir(tmp_path)

    with pytest.raises(ModelError, match=message):
        load_model("broken_nets:net")


def test_weights_come_back_bit_for_bit(tmp_path: Path) -> None:
    model, other = small(), small()

    save_weights(model, tmp_path / "w.safetensors")
    load_weights(other, tmp_path / "w.safetensors")

    for mine, theirs in zip(model.state_dict().values(), other.state_dict().values(), strict=True):
        assert torch.equal(mine, theirs)


def test_a_state_dict_of_torch_save_is_read(tmp_path: Path) -> None:
    model, other = small(), small()
    torch.save(model.state_dict(), tmp_path / "w.pt")

    load_weights(other, tmp_path / "w.pt")

    assert torch.equal(model[0].weight, other[0].weight)


class Payload:
    """What an attacker would put into a weights file."""

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return (print, ("this would have been code",))


def test_a_pickle_in_place_of_weights_is_refused_unrun(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    torch.save({"a": Payload()}, tmp_path / "evil.pt")
    (tmp_path / "plain.pt").write_bytes(pickle.dumps(Payload()))

    for name in ("evil.pt", "plain.pt"):
        with pytest.raises(ModelError, match=name):
            load_weights(small(), tmp_path / name)

    assert capsys.readouterr().out == ""


def test_weights_that_do_not_fit_are_named(tmp_path: Path) -> None:
    save_weights(nn.Sequential(nn.Conv2d(1, 5, 3)), tmp_path / "w.safetensors")

    with pytest.raises(ModelError, match="do not fit the model"):
        load_weights(small(), tmp_path / "w.safetensors")


def test_a_saved_model_is_rebuilt_from_its_source(tmp_path: Path) -> None:
    loaded = load_model("torchvision:squeezenet1_1", num_classes=4, in_channels=3, resolution=(64, 64))
    save_model(tmp_path / "w", loaded.model, source=loaded.source)
    example = torch.randn(2, 3, 64, 64)

    again = load_model(tmp_path / "w")

    assert torch.equal(again.model(example), loaded.model(example))
    assert again.input_shape == (3, 64, 64)


def test_a_folder_without_a_network_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RunFolderError, match="holds no trained network"):
        load_model(tmp_path)
