import json
from pathlib import Path

import pytest
import torch
from torch import nn

from millinet.commands.train import train
from millinet.errors import ConfigChangedError, UnknownNameError
from millinet.models import load_model

SOURCE = "tests.millinet.training.test_train_command:tiny"


def tiny(num_classes: int) -> nn.Module:
    return nn.Sequential(nn.Flatten(), nn.Linear(64, num_classes))


@pytest.fixture
def plugin(tmp_path: Path) -> Path:
    path = tmp_path / "my_recipes.py"
    path.write_text(
        "from millinet.training import Recipe\nRECIPES = {'brief': Recipe(epochs=2, learning_rate=0.01)}\n"
    )
    return path


def test_the_command_trains_speaks_and_leaves_a_model(
    tmp_path: Path, plugin: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "run"

    result = train(SOURCE, recipe="brief", device="cpu", out=out, plugin=[plugin])

    said = capsys.readouterr().out
    assert "digits: 1168 train, 270 validation, 359 test images, on the device" in said
    assert "tiny: 650 parameters; recipe: epochs 2, learning_rate 0.01" in said
    assert "epoch 2/2" in said
    assert "validation accuracy" in said
    assert result.epochs == 2
    assert len((out / "epochs.jsonl").read_text().splitlines()) == 2
    assert json.loads((out / "source.json").read_text())["source"] == SOURCE
    images = torch.zeros(1, 1, 8, 8)
    assert load_model(out).model(images).shape == (1, 10)


def test_the_same_command_again_trains_no_more(
    tmp_path: Path, plugin: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "run"
    train(SOURCE, recipe="brief", device="cpu", out=out, plugin=[plugin])
    before = load_model(out).model.state_dict()
    capsys.readouterr()

    train(SOURCE, recipe="brief", device="cpu", out=out)

    assert "epoch 1/2" not in capsys.readouterr().out
    for name, value in load_model(out).model.state_dict().items():
        assert torch.equal(value, before[name])


def test_another_recipe_in_the_same_folder_is_refused(tmp_path: Path, plugin: Path) -> None:
    out = tmp_path / "run"
    train(SOURCE, recipe="brief", device="cpu", out=out, plugin=[plugin])

    with pytest.raises(ConfigChangedError, match="epochs: 2 -> 12"):
        train(SOURCE, recipe="quick", device="cpu", out=out)


def test_an_unknown_recipe_is_named_with_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'quick'"):
        train(SOURCE, recipe="quik", device="cpu", out=tmp_path / "run")
