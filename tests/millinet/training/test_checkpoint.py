import dataclasses
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import nn

from millinet.data import DataSet
from millinet.errors import ConfigChangedError, RunFolderError
from millinet.training import EpochRecord, Recipe, fit

MakeNet = Callable[..., nn.Module]
RECIPE = Recipe(epochs=5, batch_size=50, learning_rate=0.05, ema_decay=0.9, mixup=0.2)


class KilledError(Exception):
    """Stands for the end of the process."""


def kill_after(epoch: int) -> Callable[[EpochRecord], bool]:
    def watch(record: EpochRecord) -> bool:
        if record.epoch == epoch + 1:
            raise KilledError
        return False

    return watch


@pytest.mark.parametrize("optimiser", ["sgd", "adamw"])
def test_a_killed_training_ends_with_the_very_weights_of_one_that_was_not(
    few_digits: DataSet, small_net: MakeNet, tmp_path: Path, optimiser: str
) -> None:
    recipe = dataclasses.replace(RECIPE, optimiser=optimiser)
    whole, killed, continued = small_net(), small_net(), small_net(seed=9)
    expected = fit(whole, few_digits, recipe, device="cpu")
    path = tmp_path / "checkpoint.pt"

    with pytest.raises(KilledError):
        fit(killed, few_digits, recipe, device="cpu", on_epoch=kill_after(2), checkpoint=path)
    result = fit(continued, few_digits, recipe, device="cpu", checkpoint=path)

    assert [record.accuracy for record in result.history] == [record.accuracy for record in expected.history]
    for name, value in whole.state_dict().items():
        assert torch.equal(value, continued.state_dict()[name])


def test_a_finished_training_is_not_trained_again(
    few_digits: DataSet, small_net: MakeNet, tmp_path: Path
) -> None:
    path = tmp_path / "checkpoint.pt"
    model, again = small_net(), small_net(seed=9)
    fit(model, few_digits, RECIPE, device="cpu", checkpoint=path)
    seen: list[EpochRecord] = []

    result = fit(again, few_digits, RECIPE, device="cpu", checkpoint=path, on_epoch=seen.append)

    assert seen == []
    assert result.epochs == 5
    assert torch.equal(model[0].weight, again[0].weight)


def test_a_checkpoint_of_another_training_is_refused_with_the_difference(
    few_digits: DataSet, small_net: MakeNet, tmp_path: Path
) -> None:
    path = tmp_path / "checkpoint.pt"
    fit(small_net(), few_digits, RECIPE, device="cpu", checkpoint=path)

    with pytest.raises(ConfigChangedError, match=r"momentum: 0\.9 -> 0\.8; seed: 0 -> 1"):
        fit(
            small_net(),
            few_digits,
            dataclasses.replace(RECIPE, momentum=0.8),
            device="cpu",
            seed=1,
            checkpoint=path,
        )


def test_a_checkpoint_of_another_network_is_refused(
    few_digits: DataSet, small_net: MakeNet, tmp_path: Path
) -> None:
    path = tmp_path / "checkpoint.pt"
    fit(small_net(), few_digits, RECIPE, device="cpu", checkpoint=path)

    with pytest.raises(ConfigChangedError, match="model: "):
        fit(nn.Sequential(nn.Flatten(), nn.Linear(64, 10)), few_digits, RECIPE, device="cpu", checkpoint=path)


@pytest.mark.parametrize("content", [b"", b"not a checkpoint", b"PK\x03\x04 cut"])
def test_a_broken_checkpoint_is_one_line(
    few_digits: DataSet, small_net: MakeNet, tmp_path: Path, content: bytes
) -> None:
    path = tmp_path / "checkpoint.pt"
    path.write_bytes(content)

    with pytest.raises(RunFolderError, match="delete it to begin again"):
        fit(small_net(), few_digits, RECIPE, device="cpu", checkpoint=path)


def test_a_checkpoint_holds_no_pickle_that_could_run(
    few_digits: DataSet, small_net: MakeNet, tmp_path: Path
) -> None:
    path = tmp_path / "checkpoint.pt"
    fit(small_net(), few_digits, RECIPE, device="cpu", checkpoint=path)

    assert torch.load(path, weights_only=True)["format"] == "millinet.checkpoint/1"
    assert list(tmp_path.iterdir()) == [path]
