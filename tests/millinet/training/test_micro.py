import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from millinet.data import DataSet
from millinet.errors import MemoryShortError
from millinet.training import Recipe, fit
from millinet.training.micro import MicroBatches


class Narrow(nn.Module):
    """A linear classifier on a device whose memory holds only so many images."""

    def __init__(self, limit: int) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.linear = nn.Linear(64, 10)
        self.limit = limit

    def forward(self, images: Tensor) -> Tensor:
        if self.training and len(images) > self.limit:
            raise torch.OutOfMemoryError("no room")
        return self.linear(images.flatten(1))


def test_gradients_added_up_are_those_of_the_whole_batch() -> None:
    images, labels = torch.randn(10, 1, 8, 8), torch.arange(10)
    wide, narrow = Narrow(10), Narrow(3)
    parts = MicroBatches(narrow, 10)

    losses = [
        micro.backward(lambda x, y, net=net: functional.cross_entropy(net(x), y), images, labels)
        for net, micro in ((wide, MicroBatches(wide, 10)), (narrow, parts))
    ]

    torch.testing.assert_close(losses[0], losses[1])
    torch.testing.assert_close(wide.linear.weight.grad, narrow.linear.weight.grad)
    assert parts.size == 2


def test_a_training_short_of_memory_halves_and_remembers(few_digits: DataSet) -> None:
    recipe = Recipe(epochs=2, batch_size=100, augmentation=0.0)
    wide, narrow = Narrow(100), Narrow(30)

    unlimited = fit(wide, few_digits, recipe, device="cpu")
    limited = fit(narrow, few_digits, recipe, device="cpu")

    assert unlimited.micro_batch == 100
    assert limited.micro_batch == 25
    torch.testing.assert_close(wide.linear.weight, narrow.linear.weight)


@pytest.mark.parametrize(
    "error", [MemoryError(), RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to ...")]
)
def test_the_memory_of_a_cpu_is_short_in_words_of_its_own(error: Exception) -> None:
    wide = Narrow(10)
    parts = MicroBatches(wide, 10)

    def loss_of(images: Tensor, labels: Tensor) -> Tensor:
        if len(images) > 5:
            raise error
        return functional.cross_entropy(wide(images), labels)

    parts.backward(loss_of, torch.randn(10, 1, 8, 8), torch.arange(10))

    assert parts.size == 5


def test_another_error_is_not_taken_for_short_memory() -> None:
    def loss_of(images: Tensor, labels: Tensor) -> Tensor:
        raise RuntimeError("shapes do not match")

    with pytest.raises(RuntimeError, match="shapes"):
        MicroBatches(Narrow(10), 10).backward(loss_of, torch.randn(10, 1, 8, 8), torch.arange(10))


def test_a_network_too_large_for_any_batch_says_so(few_digits: DataSet) -> None:
    with pytest.raises(MemoryShortError, match="even 1 images at a time"):
        fit(Narrow(0), few_digits, Recipe(epochs=1, batch_size=8), device="cpu")


def test_batch_norm_is_never_left_with_one_image(few_digits: DataSet) -> None:
    model = nn.Sequential(nn.Flatten(), nn.BatchNorm1d(64), nn.Unflatten(1, (1, 8, 8)), Narrow(1))

    with pytest.raises(MemoryShortError, match="even 2 images at a time"):
        fit(model, few_digits, Recipe(epochs=1, batch_size=8), device="cpu")


def test_an_odd_batch_in_pairs_leaves_no_image_alone_with_a_batch_norm() -> None:
    model = nn.Sequential(nn.Flatten(), nn.BatchNorm1d(64), nn.Unflatten(1, (1, 8, 8)), Narrow(3))
    seen: list[int] = []
    model.register_forward_pre_hook(lambda _, inputs: seen.append(len(inputs[0])))

    MicroBatches(model, 2).backward(
        lambda x, y: functional.cross_entropy(model(x), y), torch.randn(7, 1, 8, 8), torch.arange(7)
    )

    assert seen == [3, 2, 2]
