"""`millinet prune` and `millinet export` work on a model and on a run folder, and say what went wrong."""

import json
from pathlib import Path

import pytest
import torch

from compress.commands.export import export
from compress.commands.prune import prune
from compress.pruning_run import ladder
from compress.winner import repair
from millinet.certificate import Certificate
from millinet.errors import ConfigError, ModelError, RunFolderError
from millinet.frames import HISTORY, LATENCY, LAYERS
from millinet.latency import Budget
from millinet.models import load_model
from millinet.runs import RunFolder
from millinet.weights import save_weights
from search_spaces import network

PLUGIN = Path(__file__).parent / "one_epoch.py"


@pytest.fixture(scope="module")
def pruned_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Prune a ResNet-20 for digits once, generously, and export it."""
    folder = tmp_path_factory.mktemp("prune")
    torch.manual_seed(0)
    model = network("resnet20", num_classes=10, in_channels=1, resolution=(8, 8)).build()
    save_weights(model, folder / "weights.safetensors")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(folder / "cache"))
        prune(
            "network:resnet20",
            latency_budget="0.85x",
            data="digits",
            weights=folder / "weights.safetensors",
            recipe="one-epoch",
            out=folder / "run",
            plugin=[PLUGIN],
        )
    return export(folder / "run")


def test_a_pruned_model_gets_a_run_folder_of_its_own(pruned_run: Path) -> None:
    run = RunFolder.open(pruned_run)
    (winner,) = run.winners()

    assert run.record.status == "complete"
    assert run.damaged() == []
    assert winner.before is not None
    before, after = winner.before.certificate, winner.certificate
    assert isinstance(before, Certificate)
    assert isinstance(after, Certificate)
    assert after.macs < before.macs
    assert after.num_processes == before.num_processes
    assert after.budget_ms == before.budget_ms


def test_its_frames_tell_of_the_recovery_the_latency_and_the_layers(pruned_run: Path) -> None:
    run = RunFolder.open(pruned_run)

    assert set(run.frame(HISTORY)["model"]) == {"recovery:1"}
    assert set(run.frame(LATENCY)["model"]) == {"pruned:1"}
    layers = run.winners()[0].frame(LAYERS)
    assert (layers["out_after"] <= layers["out_before"]).all()


def test_the_pruned_network_reloads_narrower_than_it_came(pruned_run: Path) -> None:
    after = load_model(pruned_run).model
    before = load_model(pruned_run / "winners" / "1" / "before").model

    count = [sum(parameter.numel() for parameter in model.parameters()) for model in (before, after)]
    assert count[1] < count[0]


def test_every_form_is_exported_beside_the_weights(pruned_run: Path) -> None:
    folder = pruned_run / "winners" / "1"

    assert {"model.safetensors", "model.pt2", "model.onnx", "widths.json"} <= {
        p.name for p in folder.iterdir()
    }


def test_pruning_again_with_the_same_settings_does_nothing(pruned_run: Path) -> None:
    written = (pruned_run / "winners" / "1" / "model.safetensors").stat().st_mtime_ns

    prune(
        "network:resnet20",
        latency_budget="0.85x",
        data="digits",
        recipe="one-epoch",
        out=pruned_run,
        plugin=[PLUGIN],
    )

    assert (pruned_run / "winners" / "1" / "model.safetensors").stat().st_mtime_ns == written


def test_a_ratio_is_followed_by_milder_ones_and_a_limit_is_not() -> None:
    assert [budget.ratio for budget in ladder(Budget.parse("0.7x"))] == [0.7, 0.8, 0.9]
    assert [str(budget) for budget in ladder(Budget.parse("2ms"))] == ["2ms"]


def test_an_exchange_that_was_interrupted_is_undone(tmp_path: Path) -> None:
    (tmp_path / ".1.replaced").mkdir()
    (tmp_path / ".1.replaced" / "model.safetensors").write_bytes(b"old")

    repair(tmp_path)

    assert (tmp_path / "1" / "model.safetensors").read_bytes() == b"old"


def test_a_model_without_images_is_refused() -> None:
    with pytest.raises(ConfigError, match="--data digits"):
        prune("torchvision:resnet18")


def test_an_exported_graph_is_refused_with_the_reason(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="no longer rebuilt or pruned"):
        prune(str(tmp_path / "model.pt2"), data="digits", out=tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_weights_that_do_not_fit_leave_nothing_behind(tmp_path: Path) -> None:
    torch.save({"conv": torch.zeros(1)}, tmp_path / "weights.pt")

    with pytest.raises(ModelError, match="do not fit"):
        prune("network:resnet20", data="digits", weights=tmp_path / "weights.pt", out=tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_run_without_winners_cannot_be_exported(tmp_path: Path, pruned_run: Path) -> None:
    record = json.loads((pruned_run / "run.json").read_text())
    (tmp_path / "run.json").write_text(json.dumps(record))

    with pytest.raises(RunFolderError, match="no winner"):
        export(tmp_path)
