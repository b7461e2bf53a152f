"""A pruning that was killed goes on from the last cut, and never from another pruning's."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from compress import prune
from compress.progress import Progress
from compress.recovery import recalibrate, recover
from millinet.data import load_data
from millinet.errors import RunFolderError
from millinet.training import EpochRecord, Recipe, fit

Build = Callable[[str], nn.Module]


class Killed(Exception):  # noqa: N818 -- it is no mistake of anyone's
    """Stands for a signal that ends the program."""


def killed_at(number: int, seen: list[list[int]]) -> Callable[[nn.Module], None]:
    """Recover by doubling the weights, but die in the recovery of one step."""

    def train(model: nn.Module) -> None:
        seen.append([parameter.shape[0] for parameter in model.parameters()])
        if len(seen) == number:
            raise Killed
        with torch.no_grad():
            for parameter in model.parameters():
                parameter.mul_(2)

    return train


def die(_: EpochRecord) -> bool:
    raise Killed


def test_a_killed_pruning_goes_on_in_the_same_step(built: Build, images: Tensor, tmp_path: Path) -> None:
    model = built("plain")
    options = {"macs_ratio": 0.4, "steps": 3, "min_channels": 1}
    whole: list[list[int]] = []
    expected = prune(model, images, recover=killed_at(0, whole), **options)  # type: ignore[arg-type]
    first: list[list[int]] = []
    with pytest.raises(Killed):
        prune(model, images, recover=killed_at(2, first), progress=tmp_path / "p", **options)  # type: ignore[arg-type]

    second: list[list[int]] = []
    found = prune(model, images, recover=killed_at(0, second), progress=tmp_path / "p", **options)  # type: ignore[arg-type]

    assert first == whole[:2]
    assert second == whole
    assert torch.equal(found.model(images), expected.model(images))
    assert found.kept == expected.kept
    assert found.widths == expected.widths


def test_a_cut_is_not_chosen_twice(built: Build, images: Tensor, tmp_path: Path) -> None:
    model = built("residual")
    expected = prune(model, images, macs_ratio=0.5, min_channels=1, progress=tmp_path)
    written = (tmp_path / "step-1.json").stat().st_mtime_ns

    found = prune(model, images, macs_ratio=0.5, min_channels=1, progress=tmp_path)

    assert torch.equal(found.model(images), expected.model(images))
    assert (tmp_path / "step-1.json").stat().st_mtime_ns == written


@pytest.mark.parametrize("changed", ["settings", "weights"])
def test_what_another_pruning_left_is_not_used(
    changed: str, built: Build, images: Tensor, tmp_path: Path
) -> None:
    model = built("residual")
    prune(model, images, macs_ratio=0.5, min_channels=1, progress=tmp_path)
    ratio = 0.3 if changed == "settings" else 0.5
    if changed == "weights":
        nn.init.ones_(model.get_parameter("inner.weight"))

    found = prune(model, images, macs_ratio=ratio, min_channels=1, progress=tmp_path)

    fresh = prune(model, images, macs_ratio=ratio, min_channels=1)
    assert torch.equal(found.model(images), fresh.model(images))


def test_a_folder_with_something_else_is_refused_and_left_alone(
    built: Build, images: Tensor, tmp_path: Path
) -> None:
    (tmp_path / "thesis.tex").write_text("chapter one")

    with pytest.raises(RunFolderError, match="something else"):
        prune(built("plain"), images, macs_ratio=0.5, progress=tmp_path)
    assert (tmp_path / "thesis.tex").read_text() == "chapter one"


def test_a_damaged_record_names_its_file(built: Build, tmp_path: Path) -> None:
    progress = Progress.open(tmp_path, built("plain"), asked="")
    (tmp_path / "step-1.json").write_text("{")

    with pytest.raises(RunFolderError, match="step-1"):
        progress.find(1)


def test_a_recovery_that_was_killed_ends_as_one_that_was_not(tmp_path: Path) -> None:
    data = load_data("digits", seed=0)
    recipe = Recipe(epochs=2, batch_size=256)
    teacher = nn.Sequential(
        *(nn.Conv2d(1, 8, 3), nn.BatchNorm2d(8), nn.ReLU(), nn.Conv2d(8, 8, 3)),
        *(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 10)),
    )
    whole, half, again = (prune(teacher, torch.zeros(1, 1, 8, 8), channel_ratio=0.5).model for _ in range(3))

    recover(whole, data, recipe, teacher=teacher, device="cpu", checkpoint=tmp_path / "whole.pt")
    recalibrate(half, data)
    with pytest.raises(Killed):
        fit(half, data, recipe, device="cpu", teacher=teacher, on_epoch=die, checkpoint=tmp_path / "half.pt")
    recover(again, data, recipe, teacher=teacher, device="cpu", checkpoint=tmp_path / "half.pt")

    assert all(torch.equal(tensor, again.state_dict()[name]) for name, tensor in whole.state_dict().items())
