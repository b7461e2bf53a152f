"""From a name to a trained, pruned and reported network: each command takes up what the last one left."""

from pathlib import Path

import pytest

from compress.commands.prune import prune
from millinet.commands.train import train
from millinet.frames import HISTORY
from millinet.runs import RunFolder
from reports import build_report, compare
from search_spaces import Architecture, Stage, Stem


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("trained")
    architecture = Architecture(
        in_channels=1,
        num_classes=10,
        resolution=(8, 8),
        stem=Stem(name="conv3", width=32),
        stages=(Stage(block="basic", depth=2, width=32),),
    )
    (root / "little.json").write_text(architecture.to_json())
    (root / "recipes.py").write_text(
        "from millinet.training import Recipe\nRECIPES = {'brief': Recipe(epochs=2, learning_rate=0.05)}\n"
    )
    train(
        f"architecture:{root / 'little.json'}",
        recipe="brief",
        device="cpu",
        out=root / "run",
        plugin=[root / "recipes.py"],
    )
    prune(str(root / "run"), latency_budget="0.7x", recipe="brief", tolerance=1.0, device="cpu")
    return root / "run"


def test_the_winner_of_a_training_is_pruned_in_its_place(folder: Path) -> None:
    run = RunFolder.open(folder)
    [winner] = run.winners()

    assert winner.before is not None
    assert winner.certificate is not None
    assert winner.certificate.parameters < 38_000
    assert run.damaged() == []


def test_the_record_holds_both_recipes_and_the_history_both_trainings(folder: Path) -> None:
    run = RunFolder.open(folder)

    assert [run.record.recipes[phase]["epochs"] for phase in ("final", "recovery")] == [2, 2]
    assert run.frame(HISTORY)["phase"].tolist() == ["final", "final", "recovery", "recovery"]


def test_the_report_shows_the_pruned_network_and_its_recipe(folder: Path) -> None:
    frames = compare([folder])
    page = build_report([folder]).read_text(encoding="utf-8")

    assert "winner 1" in set(frames["candidates"]["candidate"])
    assert len(frames["layers"]) > 0
    assert "recipe, recovery" in page
