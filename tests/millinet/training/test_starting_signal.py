import torch
from torch import nn

from millinet.data import DataSet
from millinet.training.starting_signal import faint_note, starting_signal


def plain(depth: int, *, normed: bool) -> nn.Module:
    torch.manual_seed(0)
    layers: list[nn.Module] = [nn.Conv2d(1, 16, 3, padding=1), nn.ReLU()]
    for _ in range(depth):
        layers += [
            nn.Conv2d(16, 16, 3, padding=1),
            nn.BatchNorm2d(16) if normed else nn.Identity(),
            nn.ReLU(),
        ]
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(16, 10))


def test_a_deep_plain_network_hardly_sees_its_input(digits: DataSet) -> None:
    note = faint_note(starting_signal(plain(12, normed=False), digits))

    assert note is not None
    assert "give it batch norms" in note


def test_batch_norms_keep_the_signal(digits: DataSet) -> None:
    assert faint_note(starting_signal(plain(12, normed=True), digits)) is None


def test_looking_leaves_mode_and_statistics_alone(digits: DataSet) -> None:
    model = plain(2, normed=True).eval()
    before = {name: value.clone() for name, value in model.state_dict().items()}

    starting_signal(model, digits)

    assert not model.training
    for name, value in model.state_dict().items():
        assert torch.equal(value, before[name])
