"""Parts of a network that ask for it see the training images before training and report after it."""

from collections.abc import Mapping

import pytest
import torch
from torch import Tensor, nn

from millinet.data import DataSet
from millinet.training import Recipe, fit

CPU = "cpu"
BRIEF = Recipe(epochs=1, batch_size=64, augmentation=0.0, learning_rate=0.01)


class Curious(nn.Module):
    """A linear classifier that asks for data, keeps what it was shown, and reports on itself."""

    def __init__(self, num_features: int) -> None:
        super().__init__()
        self.linear = nn.Linear(num_features, 10)
        self.register_buffer("has_begun", torch.tensor(False))
        self.shown: list[tuple[Tensor, Tensor]] = []
        self.judged_on = 0

    @property
    def awaits_data(self) -> bool:
        return not bool(self.has_begun)

    def start_from(self, inputs: Tensor, labels: Tensor) -> None:
        self.shown.append((inputs, labels))
        self.has_begun.fill_(True)

    def health(self, inputs: Tensor) -> Mapping[str, float]:
        self.judged_on = len(inputs)
        return {"mean": float(inputs.mean())}

    def forward(self, x: Tensor) -> Tensor:
        return self.linear(x.mean((2, 3)))


@pytest.fixture
def curious() -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), Curious(4))


def test_it_is_shown_the_features_of_every_training_image_once(
    curious: nn.Sequential, few_digits: DataSet
) -> None:
    fit(curious, few_digits, BRIEF, device=CPU)
    fit(curious, few_digits, BRIEF, device=CPU)

    ((inputs, labels),) = curious[2].shown
    assert inputs.shape == (len(few_digits.train), 4)
    assert labels.bincount(minlength=10).equal(few_digits.train.labels.bincount(minlength=10))
    # Batch norms used the statistics of the images shown, so each batch of them averages to zero.
    torch.testing.assert_close(inputs.mean(0), torch.zeros(4), atol=1e-4, rtol=0)


def test_looking_changes_nothing_else(curious: nn.Sequential, few_digits: DataSet) -> None:
    still = Recipe(epochs=1, batch_size=64, augmentation=0.0, learning_rate=1e-12)
    curious[1].momentum = 0.0

    fit(curious, few_digits, still, device=CPU)

    assert curious[1].running_mean.equal(torch.zeros(4))
    assert not any(module._forward_pre_hooks for module in curious.modules())


def test_its_health_is_told_on_the_validation_images(curious: nn.Sequential, few_digits: DataSet) -> None:
    result = fit(curious, few_digits, BRIEF, device=CPU)

    assert result.health.keys() == {"2.mean"}
    assert curious[2].judged_on == len(few_digits.validation)


def test_a_network_without_such_parts_tells_nothing(few_digits: DataSet) -> None:
    plain = nn.Sequential(nn.Flatten(), nn.Linear(64, 10))

    assert fit(plain, few_digits, BRIEF, device=CPU).health == {}
