"""Atoms that no code uses go, and the logits stay."""

import copy

import pytest
import torch
from torch import Tensor, nn

from compress import prune
from compress.atoms import drop_unused_atoms
from millinet.widths import apply_widths, read_widths
from search_spaces import Architecture, Head, Stage, Stem

NUM_CLASSES = 4


def built(readout: str) -> nn.Module:
    """Build a network whose head has 12 atoms, of which a penalty silences every third and all of class 2."""
    architecture = Architecture(
        in_channels=3,
        num_classes=NUM_CLASSES,
        resolution=(8, 8),
        stem=Stem(name="conv3", width=16),
        stages=(Stage(block="basic", depth=1, width=16),),
        head=Head(
            name="sparse-coded", options={"readout": readout, "atoms": 3 if readout == "residual" else 12}
        ),
    )
    torch.manual_seed(0)
    model = architecture.build().eval()
    with torch.no_grad():
        penalties = model.get_parameter("head.coder.log_penalty")
        penalties.fill_(-5.0)
        penalties[::3] = 5.0
        penalties[6:9] = 5.0
    return model


@pytest.fixture
def data() -> list[tuple[Tensor, Tensor]]:
    generator = torch.Generator().manual_seed(1)
    labels = torch.zeros(16, dtype=torch.int64)
    return [(torch.randn(16, 3, 8, 8, generator=generator), labels) for _ in range(2)]


@pytest.mark.parametrize("readout", ["residual", "linear"])
def test_silent_atoms_go_without_any_loss(readout: str, data: list[tuple[Tensor, Tensor]]) -> None:
    model = built(readout)
    expected = [model(images) for images, _ in data]

    found = drop_unused_atoms(model, data)

    # Six are silenced by their penalty, and others by what they are.
    assert found["head"].before == 12
    assert found["head"].after <= 7
    assert len(model.get_parameter("head.coder.weight")) == found["head"].after
    for (images, _), logits in zip(data, expected, strict=True):
        torch.testing.assert_close(model(images), logits)


def test_a_class_keeps_an_atom_though_all_of_its_own_are_silent(data: list[tuple[Tensor, Tensor]]) -> None:
    model = built("residual")

    drop_unused_atoms(model, data)

    assert bool((model.get_buffer("head.readout.membership").sum(0) >= 1).all())


def test_without_data_or_under_protection_every_atom_stays(data: list[tuple[Tensor, Tensor]]) -> None:
    model = built("residual")

    assert drop_unused_atoms(model, data, protect=("head",)) == {}
    assert drop_unused_atoms(model, []) == {}
    assert len(model.get_parameter("head.coder.weight")) == 12


@pytest.mark.parametrize("readout", ["residual", "linear"])
def test_pruning_takes_them_with_the_channels_and_records_both(
    readout: str, data: list[tuple[Tensor, Tensor]], images: Tensor
) -> None:
    model = built(readout)

    pruned = prune(model, images, channel_ratio=0.5, data=data)

    assert pruned.atoms["head"].after < 12
    assert model.get_parameter("head.coder.weight").shape == (12, 16)
    assert pruned.model.get_parameter("head.coder.weight").shape == (pruned.atoms["head"].after, 8)
    rebuilt = copy.deepcopy(model)
    apply_widths(rebuilt, read_widths(model, pruned.model))
    rebuilt.load_state_dict(pruned.model.state_dict())
    assert torch.equal(rebuilt(images), pruned.model(images))
