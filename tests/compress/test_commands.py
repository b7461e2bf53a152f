"""`millinet prune` and `millinet export` work on a model and on a run folder, and say what went wrong."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from compress import PruneConfig
from compress.commands.export import export
from compress.commands.prune import prune
from compress.pruning_run import ladder, prune_model
from compress.winner import Job, repair
from millinet.certificate import Certificate
from millinet.data import load_data
from millinet.errors import ConfigChangedError, ConfigError, ModelError, RunFolderError
from millinet.frames import HISTORY, LATENCY, LAYERS
from millinet.latency import Budget, LatencyMeter, LatencySettings
from millinet.models import LoadedModel, load_model
from millinet.runs import RunFolder
from millinet.training import Recipe
from millinet.weights import save_weights
from search_spaces import Architecture, Head, Stage, Stem, network

PLUGIN = Path(__file__).parent / "one_epoch.py"
BUDGET = Budget.parse("0.85x")
LIGHT = LatencySettings(max_visits=5, gap_seconds=0.0, calls_per_block=2)
"""Few visits: what is tested here is what becomes of a latency, not how well it is known."""


def small_model(seed: int = 0) -> LoadedModel:
    """Build a network for digits that is small and yet has layers to narrow."""
    architecture = Architecture(
        in_channels=1,
        num_classes=10,
        resolution=(8, 8),
        stem=Stem(name="conv3", width=64),
        stages=(Stage(block="plain", depth=2, width=64),),
        head=Head(name="dense"),
    )
    torch.manual_seed(seed)
    return LoadedModel(
        model=architecture.build().eval(),
        name="small",
        input_shape=(1, 8, 8),
        source=json.loads(architecture.to_json()),
    )


def pruned_into(
    folder: Path,
    *,
    protect: tuple[str, ...] = (),
    seed: int = 0,
    tell: Callable[[str], None] = lambda _: None,
) -> RunFolder:
    """Prune as the command does, with a light measurement; the seed is that of the weights."""
    with LatencyMeter("cpu", LIGHT) as meter:
        job = Job(
            data=load_data("digits", seed=0),
            device="cpu",
            meter=meter,
            config=PruneConfig(budget=BUDGET, remove_blocks=False, protect=protect),
            recipe=Recipe(epochs=1, batch_size=256, learning_rate=0.02),
            seed=0,
            tolerance=0.01,
            tell=tell,
        )
        return prune_model(folder, small_model(seed), job, BUDGET)


@pytest.fixture(scope="module")
def pruned_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Prune a small network for digits once, and export it."""
    folder = tmp_path_factory.mktemp("prune")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(folder / "cache"))
        return export(pruned_into(folder / "run").path)


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

    pruned_into(pruned_run)

    assert (pruned_run / "winners" / "1" / "model.safetensors").stat().st_mtime_ns == written


def test_nothing_of_the_way_there_is_left(pruned_run: Path) -> None:
    assert [path.name for path in (pruned_run / "winners").iterdir()] == ["1"]


@pytest.mark.slow
def test_the_command_prunes_a_model_with_its_weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    torch.manual_seed(0)
    model = network("resnet20", num_classes=10, in_channels=1, resolution=(8, 8)).build()
    save_weights(model, tmp_path / "weights.safetensors")

    folder = prune(
        "network:resnet20",
        latency_budget="0.85x",
        data="digits",
        weights=tmp_path / "weights.safetensors",
        recipe="one-epoch",
        out=tmp_path / "run",
        plugin=[PLUGIN],
    )

    assert RunFolder.open(folder).record.status == "complete"


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


@pytest.mark.parametrize("options", [{"tolerance": 1.5}, {"sparsity": -0.1}])
def test_numbers_out_of_range_are_refused(options: dict[str, float]) -> None:
    with pytest.raises(ConfigError, match="got"):
        prune("network:resnet20", data="digits", **options)  # type: ignore[arg-type]


@pytest.mark.parametrize("given", [{"weights": Path("w.pt")}, {"out": Path("elsewhere")}])
def test_what_a_run_has_already_is_refused_and_not_ignored(given: dict[str, Path], pruned_run: Path) -> None:
    with pytest.raises(ConfigError, match=r"is a run folder, .* leave it out"):
        prune(str(pruned_run), **given)  # type: ignore[arg-type]


def test_one_winner_is_refused_with_the_run_to_give(pruned_run: Path) -> None:
    with pytest.raises(ConfigError, match=f"give the run, {pruned_run}$"):
        prune(str(pruned_run / "winners" / "1"))


def test_a_recovery_may_be_changed_and_is_checked_before_anything_is_read() -> None:
    with pytest.raises(ConfigError, match="did you mean 'epochs'"):
        prune("network:resnet20", data="folder:nowhere", recipe="recover,epoch=3")


def test_a_pruning_that_came_to_nothing_says_so_and_makes_way_for_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    for name in ("nowhere", "elsewhere"):
        with pytest.raises(ConfigError, match=f"there is no '{name}'"):
            pruned_into(tmp_path / "run", protect=(name,))

        record = RunFolder.open(tmp_path / "run").record
        assert record.status == "failed"
        assert record.config["protect"] == [name]
        assert len(record.notes) == 1


def test_a_pruning_that_is_interrupted_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))

    def interrupt(line: str) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        pruned_into(tmp_path / "run", tell=interrupt)

    assert RunFolder.open(tmp_path / "run").record.status == "interrupted"


def test_other_weights_are_another_pruning(tmp_path: Path, pruned_run: Path) -> None:
    shutil.copytree(pruned_run, tmp_path / "run")

    with pytest.raises(ConfigChangedError, match="weights"):
        pruned_into(tmp_path / "run", seed=1)


def test_an_exported_graph_is_refused_with_the_reason(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="no longer rebuilt or pruned"):
        prune(str(tmp_path / "model.pt2"), data="digits", out=tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_network_that_does_not_take_the_images_is_refused_and_leaves_nothing_behind(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"does not run on an example of shape \(1, 1, 8, 8\)"):
        prune("torchvision:vit_b_32", data="digits", out=tmp_path / "run")
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
