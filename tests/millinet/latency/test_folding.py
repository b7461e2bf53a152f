import pytest
import torch
from torch import Tensor, nn

from millinet.latency import fold_batch_norms


class Twice(nn.Module):
    """Calls one convolution twice, each followed by a norm of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(4, 4, 1)
        self.first, self.second = nn.BatchNorm2d(4), nn.BatchNorm2d(4)

    def forward(self, images: Tensor) -> Tensor:
        return self.second(self.conv(self.first(self.conv(images))))


class Tapped(nn.Module):
    """Uses the convolution's output before the norm as well."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.norm = nn.Conv2d(4, 4, 1), nn.BatchNorm2d(4)

    def forward(self, images: Tensor) -> Tensor:
        output = self.conv(images)
        return self.norm(output) + output


def trained(model: nn.Module) -> nn.Module:
    """Give every batch norm statistics that are not the identity."""
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d | nn.BatchNorm1d):
            module.running_mean = torch.rand(module.num_features)
            module.running_var = torch.rand(module.num_features) + 0.5
            nn.init.uniform_(module.weight, 0.5, 2)
    return model.eval()


def norms(model: nn.Module) -> int:
    return sum(isinstance(module, nn.BatchNorm2d | nn.BatchNorm1d) for module in model.modules())


@pytest.fixture
def images() -> Tensor:
    return torch.randn(2, 4, 5, 5)


def test_norms_after_convolutions_and_linear_layers_are_folded_away(images: Tensor) -> None:
    model = trained(
        nn.Sequential(
            nn.Conv2d(4, 8, 3, bias=False),
            nn.BatchNorm2d(8),
            nn.Flatten(),
            nn.Linear(72, 5),
            nn.BatchNorm1d(5),
        )
    )

    folded = fold_batch_norms(model, images)

    assert norms(folded) == 0
    torch.testing.assert_close(folded(images), model(images))


@pytest.mark.parametrize("kind", [Twice, Tapped])
def test_a_norm_whose_convolution_is_used_otherwise_stays(kind: type[nn.Module], images: Tensor) -> None:
    model = trained(kind())

    folded = fold_batch_norms(model, images)

    assert norms(folded) == norms(model)
    torch.testing.assert_close(folded(images), model(images))


def test_one_norm_that_cannot_be_folded_leaves_the_others_their_folding(images: Tensor) -> None:
    plain = [(nn.Conv2d(4, 4, 1), nn.BatchNorm2d(4)) for _ in range(4)]
    model = trained(nn.Sequential(*plain[0], *plain[1], Tapped(), *plain[2], Tapped(), *plain[3]))

    folded = fold_batch_norms(model, images)

    assert norms(folded) == 2
    torch.testing.assert_close(folded(images), model(images))


def test_a_norm_before_its_convolution_stays(images: Tensor) -> None:
    model = trained(nn.Sequential(nn.BatchNorm2d(4), nn.ReLU(), nn.Conv2d(4, 4, 1)))

    assert norms(fold_batch_norms(model, images)) == 1


def test_the_model_itself_keeps_its_norms_mode_and_hooks(images: Tensor) -> None:
    model = trained(nn.Sequential(nn.Conv2d(4, 4, 1), nn.BatchNorm2d(4))).train()

    folded = fold_batch_norms(model, images)

    assert norms(model) == 1
    assert model.training
    assert not folded.training
    assert not any(module._forward_hooks for module in [*model.modules(), *folded.modules()])
