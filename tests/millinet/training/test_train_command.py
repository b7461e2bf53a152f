import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch import nn

from millinet.commands.train import train
from millinet.data import load_data
from millinet.errors import ConfigChangedError, ConfigError, DivergedError, ModelError, UnknownNameError
from millinet.frames import HISTORY, LATENCY
from millinet.models import load_model
from millinet.runs import RunFolder
from millinet.training import evaluate
from millinet.weights import save_weights
from search_spaces import Architecture, Stage, Stem

ROOT = Path(__file__).parents[3]
SOURCE = "tests.millinet.training.test_train_command:tiny"


def tiny(num_classes: int) -> nn.Module:
    return nn.Sequential(nn.Flatten(), nn.Linear(64, num_classes))


@pytest.fixture
def plugin(tmp_path: Path) -> Path:
    path = tmp_path / "my_recipes.py"
    path.write_text(
        "from millinet.training import Recipe\n"
        "RECIPES = {'brief': Recipe(epochs=2, learning_rate=0.01),\n"
        "           'wild': Recipe(epochs=2, learning_rate=1e30, retries=0)}\n"
    )
    return path


@pytest.fixture
def described(tmp_path: Path) -> Path:
    """A network as a file."""
    architecture = Architecture(
        in_channels=1,
        num_classes=10,
        resolution=(8, 8),
        stem=Stem(name="conv3", width=8),
        stages=(Stage(block="basic", depth=1, width=8),),
    )
    path = tmp_path / "little.json"
    path.write_text(architecture.to_json())
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
    assert load_model(out).source["source"] == SOURCE
    assert load_model(out).model(torch.zeros(1, 1, 8, 8)).shape == (1, 10)


def test_a_training_leaves_a_run_folder_that_says_how_it_was_trained(tmp_path: Path, plugin: Path) -> None:
    out = tmp_path / "run"

    train(SOURCE, recipe="brief", device="cpu", out=out, plugin=[plugin])

    run = RunFolder.open(out)
    assert run.record.status == "complete"
    assert run.record.recipes["final"]["epochs"] == 2
    assert run.record.recipes["final"]["learning_rate"] == 0.01
    assert run.record.data["sizes"] == {"train": 1168, "validation": 270, "test": 359}
    assert run.frame(HISTORY)["epoch"].tolist() == [1, 2]
    assert run.damaged() == []


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


def test_a_single_fold_is_refused_before_anything_is_trained(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"at least 2 folds .* got 1 folds of 1438 images"):
        train(SOURCE, folds=1, out=tmp_path / "run")

    assert not (tmp_path / "run").exists()


def blind(num_classes: int) -> nn.Module:
    return nn.Sequential(nn.Conv2d(3, num_classes, 1), nn.AdaptiveAvgPool2d(1), nn.Flatten())


def five_classes() -> nn.Module:
    return tiny(5)


@pytest.mark.parametrize(
    ("name", "message"),
    [("blind", "cannot take images of 1x8x8: "), ("five_classes", r"\(2, 10\) numbers.* got \(2, 5\)")],
)
def test_a_network_for_other_images_is_refused_before_anything_is_written(
    tmp_path: Path, name: str, message: str
) -> None:
    with pytest.raises(ModelError, match=message):
        train(f"tests.millinet.training.test_train_command:{name}", out=tmp_path / "run")

    assert not (tmp_path / "run").exists()


def test_a_teacher_of_random_weights_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="network:resnet20 has random weights"):
        train(SOURCE, teacher="network:resnet20", out=tmp_path / "run")


def test_a_trained_network_teaches_another(tmp_path: Path, plugin: Path) -> None:
    train(SOURCE, recipe="brief", device="cpu", out=tmp_path / "first", plugin=[plugin])

    train(SOURCE, recipe="brief", device="cpu", out=tmp_path / "second", teacher=str(tmp_path / "first"))

    assert RunFolder.open(tmp_path / "second").record.config["teacher"] == str(tmp_path / "first")


def test_folds_that_a_teacher_has_seen_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="leave out --folds or --teacher"):
        train(SOURCE, folds=5, teacher=SOURCE, out=tmp_path / "run")


def test_a_training_begun_again_says_at_which_rate_and_keeps_one_line_an_epoch(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "run"

    result = train(SOURCE, recipe="quick,epochs=2,learning_rate=1e30,retries=40", device="cpu", out=out)

    assert result.num_retries > 0
    assert "begun again at a tenth of the rate" in capsys.readouterr().out
    assert "begun again" in RunFolder.open(out).record.notes[0]
    epochs = [json.loads(line)["epoch"] for line in (out / "epochs.jsonl").read_text().splitlines()]
    assert epochs == [1, 2]


def test_without_tensorboard_nothing_is_begun(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)

    with pytest.raises(ConfigError, match="not installed"):
        train(SOURCE, tensorboard=True, device="cpu", out=tmp_path / "run")

    assert not (tmp_path / "run").exists()


def test_a_training_that_diverges_leaves_a_folder_that_says_so(tmp_path: Path, plugin: Path) -> None:
    out = tmp_path / "run"

    with pytest.raises(DivergedError):
        train(SOURCE, recipe="wild", device="cpu", out=out, plugin=[plugin])

    record = RunFolder.open(out).record
    assert record.status == "failed"
    assert "the training loss became" in record.notes[0]


def test_a_training_that_failed_makes_way_for_a_gentler_one(tmp_path: Path, plugin: Path) -> None:
    out = tmp_path / "run"
    with pytest.raises(DivergedError):
        train(SOURCE, recipe="wild", device="cpu", out=out, plugin=[plugin])

    train(SOURCE, recipe="wild,learning_rate=0.01", device="cpu", out=out)

    record = RunFolder.open(out).record
    assert record.status == "complete"
    assert record.notes == []
    assert len((out / "epochs.jsonl").read_text().splitlines()) == 2


def test_a_training_may_begin_with_weights_for_other_classes(
    tmp_path: Path, plugin: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    known = load_model("network:resnet20", num_classes=1000, in_channels=1, resolution=(8, 8)).model
    save_weights(known, tmp_path / "known.safetensors")
    ask = {"recipe": "brief,epochs=1,learning_rate=1e-12", "device": "cpu", "plugin": [plugin]}

    train("network:resnet20", weights=tmp_path / "known.safetensors", out=tmp_path / "run", **ask)  # type: ignore[arg-type]

    assert "head.classify begins anew" in capsys.readouterr().out
    begun, trained = known.state_dict(), load_model(tmp_path / "run").model.state_dict()
    kept = [name for name, value in begun.items() if value.shape == trained[name].shape and value.dim() > 1]
    assert len(kept) > 10
    assert all(torch.allclose(begun[name], trained[name], atol=1e-6) for name in kept)
    with pytest.raises(ConfigChangedError, match="weights"):
        train("network:resnet20", out=tmp_path / "run", **ask)  # type: ignore[arg-type]


def test_folds_judge_the_recipe_by_every_image_but_the_test_images(
    tmp_path: Path, plugin: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "run"

    train(SOURCE, recipe="brief", device="cpu", out=out, plugin=[plugin], folds=2)

    [note] = RunFolder.open(out).record.notes
    assert re.fullmatch(
        r"accuracy by 2 folds, dealt 2 times: 0\.\d{4} \(95%: 0\.\d{4} to [01]\.\d{4}\) over 1438 images",
        note,
    )
    assert note in capsys.readouterr().out


def test_with_a_budget_the_network_is_certified_on_test_images_it_has_not_seen(
    tmp_path: Path, plugin: Path, described: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "run"
    source = f"architecture:{described}"

    train(source, recipe="brief", device="cpu", out=out, plugin=[plugin], latency_budget="1000ms@batch=2")

    # What was trained no longer needs the file that described it.
    described.unlink()
    data = load_data("digits")
    loaded = load_model(out)
    [winner] = RunFolder.open(out).winners()
    certificate = winner.certificate
    assert certificate is not None
    assert certificate.verdict == "meets"
    assert certificate.architecture == "little"
    assert certificate.settings["batch"] == 2
    assert certificate.test_accuracy == evaluate(loaded.model, data.test, data=data).accuracy
    assert RunFolder.open(out).frame(LATENCY)["model"].tolist() == ["winner:1"]
    assert "certified: meets the budget with" in capsys.readouterr().out


def test_two_processes_of_torchrun_train_what_one_command_trains(
    tmp_path: Path, plugin: Path, described: Path
) -> None:
    launch = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    ask = ["-m", "millinet", "train", f"architecture:{described}", "--recipe", "brief", "--device", "cpu"]
    environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}

    done = subprocess.run(
        [*launch, *ask, "--out", str(tmp_path / "two"), "--plugin", str(plugin)],
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    assert "processes 2" in done.stdout
    assert done.stdout.count("epoch 2/2") == 1
    assert RunFolder.open(tmp_path / "two").record.status == "complete"
    train(f"architecture:{described}", recipe="brief", device="cpu", out=tmp_path / "one", plugin=[plugin])
    losses = [
        [
            json.loads(line)["train_loss"]
            for line in (tmp_path / name / "epochs.jsonl").read_text().splitlines()
        ]
        for name in ("one", "two")
    ]
    # A batch norm sees each process's half of a batch, so the losses are alike and not the same.
    assert losses[1] == pytest.approx(losses[0], rel=0.05)
