"""The sparse-coded head computes what its description says, and stays exact when folded and pruned."""

import copy
import math

import numpy as np
import onnxruntime
import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor

from millinet.errors import ConfigError
from search_spaces import Place
from search_spaces.heads import Dense, SparseCoded
from search_spaces.heads.health import CodeHealth, code_health


def make(num_features: int = 16, num_classes: int = 5, **options: object) -> SparseCoded:
    place = Place(in_channels=num_features, out_channels=num_classes, resolution=(2, 2))
    return SparseCoded(place, **options)  # type: ignore[arg-type]


def settled(head: SparseCoded, num_features: int = 16) -> SparseCoded:
    """Give the head statistics other than those it starts with."""
    for _ in range(10):
        head.train()(3.0 + 2.0 * torch.randn(64, num_features, 2, 2))
    return head.eval()


READOUTS = [("residual", 1), ("residual", 2), ("linear", 12)]


def test_steps_equal_the_recursion_written_out() -> None:
    head = settled(make(atoms=2, steps=3))
    x = torch.randn(7, 16, 2, 2)
    coder = head.coder
    pooled = (x.mean((2, 3)) - coder.normalise.running_mean) / (coder.normalise.running_var + 1e-5).sqrt()
    unit = pooled / pooled.norm(dim=1, keepdim=True)
    atoms = coder.weight / coder.weight.norm(dim=1, keepdim=True)
    gram, correlations = atoms @ atoms.T, unit @ atoms.T
    penalty, bound = coder.log_penalty.exp(), coder.bound

    code = ((correlations - penalty) / bound).clamp_min(0)
    for _ in range(2):
        code = (code + (correlations - code @ gram - penalty) / bound).clamp_min(0)

    torch.testing.assert_close(head.code(x), code)


def test_residual_logits_are_minus_the_reconstruction_errors_up_to_a_constant() -> None:
    head = settled(make(atoms=3))
    x = torch.randn(7, 16, 2, 2)
    unit, atoms = head.coder.unit_features(x.mean((2, 3))), head.coder.atoms()
    codes = head.code(x).view(7, 5, 3)

    rebuilt = torch.einsum("ncm,cmf->ncf", codes, atoms.view(5, 3, 16))
    errors = (unit[:, None] - rebuilt).square().sum(2)

    scale = head.readout.log_scale.exp()
    torch.testing.assert_close(head(x), scale * (1.0 - errors), rtol=1e-4, atol=1e-5)


def test_more_steps_come_nearer_to_the_minimum() -> None:
    torch.manual_seed(1)
    few = settled(make(atoms=2, steps=1))
    x = torch.randn(32, 16, 2, 2)

    def objective(code: Tensor) -> float:
        unit = few.coder.unit_features(x.mean((2, 3)))
        error = (unit - code @ few.coder.atoms()).square().sum(1) / 2
        return (error + code @ few.coder.log_penalty.exp()).mean().item()

    values = []
    for steps in (1, 2, 3, 5):
        few.coder.steps = steps
        values.append(objective(few.code(x).detach()))

    assert values == sorted(values, reverse=True)


def test_the_bound_is_above_the_largest_eigenvalue_after_a_few_steps() -> None:
    head = settled(make(atoms=4))
    atoms = head.coder.atoms()

    largest = torch.linalg.eigvalsh(atoms @ atoms.T)[-1]

    assert largest <= head.coder.bound <= 1.06 * largest


def test_no_gradient_flows_through_the_bound() -> None:
    head = make()

    head(torch.randn(8, 16, 2, 2)).sum().backward()

    assert not head.coder.bound.requires_grad
    assert head.coder.weight.grad is not None


def test_with_one_atom_a_class_it_has_one_parameter_more_than_a_dense_head_plus_its_penalties() -> None:
    place = Place(in_channels=64, out_channels=10, resolution=(2, 2))

    sparse = sum(p.numel() for p in SparseCoded(place).parameters())
    dense = sum(p.numel() for p in Dense(place).parameters())

    assert (sparse, dense) == (651, 650)


def test_a_linear_readout_is_smaller_than_dense_below_the_bound_of_its_description() -> None:
    place = Place(in_channels=512, out_channels=141, resolution=(1, 1))
    num_atoms = 512 * 141 // (512 + 141 + 1)

    sparse = sum(p.numel() for p in SparseCoded(place, readout="linear", atoms=num_atoms).parameters())

    assert sparse <= sum(p.numel() for p in Dense(place).parameters())


def test_penalty_and_scale_are_spared_by_weight_decay() -> None:
    head = make()

    # The optimiser decays what has two axes.
    assert {name for name, p in head.named_parameters() if p.ndim > 1} == {"coder.weight"}


@pytest.mark.parametrize("num_features", [64, 512])
def test_the_penalty_starts_where_the_description_puts_it(num_features: int) -> None:
    head = make(num_features)

    expected = {64: 0.1, 512: 0.0354}[num_features]
    assert head.coder.log_penalty.exp()[0].item() == pytest.approx(expected, rel=1e-2)


def test_a_penalty_that_silences_every_atom_is_lowered_on_the_first_batch() -> None:
    head = make(penalty=4.0, num_features=4, num_classes=2)
    with torch.no_grad():
        head.coder.log_penalty.fill_(math.log(2.0))

    head.train()(torch.randn(32, 4, 2, 2))

    assert (head.code(torch.randn(32, 4, 2, 2)) > 0).any()


def test_a_penalty_that_comes_back_with_the_first_weights_is_lowered_again() -> None:
    head = make(penalty=4.0, num_features=4, num_classes=2)
    with torch.no_grad():
        head.coder.log_penalty.fill_(math.log(2.0))
    first = copy.deepcopy(head.state_dict())
    head.train()(torch.randn(32, 4, 2, 2))

    head.load_state_dict(first)
    head.train()(torch.randn(32, 4, 2, 2))

    assert (head.code(torch.randn(32, 4, 2, 2)) > 0).any()


@pytest.mark.parametrize(("readout", "atoms"), READOUTS)
@pytest.mark.parametrize("steps", [1, 3, 5])
def test_folded_equals_unfolded(readout: str, atoms: int, steps: int) -> None:
    head = settled(make(readout=readout, atoms=atoms, steps=steps))
    x = torch.randn(9, 16, 3, 3)

    torch.testing.assert_close(head.deployed()(x), head(x), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(("readout", "atoms"), READOUTS)
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
def test_folded_equals_onnx_runtime(
    readout: str, atoms: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    head = settled(make(readout=readout, atoms=atoms)).deployed().eval()
    path = tmp_path_factory.mktemp("onnx") / "head.onnx"
    batch = torch.export.Dim("batch", min=1)
    torch.onnx.export(
        head, (torch.randn(2, 16, 3, 3),), path, dynamo=True, dynamic_shapes=({0: batch},), verbose=False
    )
    x = torch.randn(5, 16, 3, 3)

    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    found = session.run(None, {session.get_inputs()[0].name: x.numpy()})[0]

    np.testing.assert_allclose(found, head(x).detach().numpy(), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(("readout", "atoms"), READOUTS)
def test_removing_features_equals_masking_them_after_the_norm(readout: str, atoms: int) -> None:
    head = settled(make(readout=readout, atoms=atoms))
    kept = torch.tensor([0, 2, 3, 5, 8, 9, 13])
    mask = torch.zeros(16).index_fill(0, kept, 1.0)
    x = torch.randn(9, 16, 2, 2)
    unit = F.normalize(head.coder.normalise(x.mean((2, 3))) * mask, dim=1)
    masked = copy.deepcopy(head)
    with torch.no_grad():
        masked.coder.weight.mul_(mask)
    atoms_kept = masked.coder.atoms()
    gram, correlations = atoms_kept @ atoms_kept.T, unit @ atoms_kept.T
    expected = masked.readout(masked.coder._shrink(correlations, gram, head.coder.bound), correlations, gram)

    head.keep_features(kept)

    torch.testing.assert_close(head(x[:, kept]), expected, rtol=1e-5, atol=1e-5)


def test_zeroing_a_raw_feature_is_not_removing_it() -> None:
    head = settled(make())
    x = torch.randn(9, 16, 2, 2)
    kept = torch.arange(1, 16)
    zeroed = head(x.index_fill(1, torch.tensor([0]), 0.0))

    head.keep_features(kept)

    assert (head(x[:, kept]) - zeroed).abs().max() > 1e-2


@pytest.mark.parametrize(("readout", "atoms"), [("residual", 3), ("linear", 12)])
def test_removing_unused_atoms_changes_nothing(readout: str, atoms: int) -> None:
    head = settled(make(readout=readout, atoms=atoms))
    x = torch.randn(64, 16, 2, 2)
    with torch.no_grad():
        head.coder.log_penalty[::3] = 3.0
    before, used = head(x), (head.code(x) > 0).any(0)
    assert not used.all()

    head.keep_atoms(used.nonzero().flatten())

    torch.testing.assert_close(head(x), before, rtol=1e-6, atol=1e-6)


def test_class_means_point_at_their_classes() -> None:
    head = make(start="class-means")
    centres = torch.randn(5, 16)
    labels = torch.arange(5).repeat(40)
    features = centres[labels] + 0.1 * torch.randn(200, 16)

    head.start_from(features, labels)

    accuracy = (head.eval()(features[:, :, None, None]).argmax(1) == labels).float().mean()
    assert accuracy == 1.0


def test_nuisance_directions_are_projected_out_of_the_atoms() -> None:
    head = make(start="class-means", nuisance=1)
    direction = F.normalize(torch.ones(16), dim=0)
    labels = torch.arange(5).repeat(40)
    features = torch.randn(5, 16)[labels] + 5.0 * torch.randn(200, 1) * direction

    head.start_from(features, labels)

    scaled = F.normalize(direction / (features.var(0) + 1e-5).sqrt(), dim=0)
    assert (head.coder.atoms() @ scaled).abs().max() < 0.15


@pytest.mark.parametrize(("readout", "atoms"), [("residual", 2), ("linear", 8)])
def test_dictionary_learning_gives_unit_atoms(readout: str, atoms: int) -> None:
    head = make(readout=readout, atoms=atoms, start="dictionary-learning")
    labels = torch.arange(5).repeat(20)

    head.start_from(torch.randn(100, 16), labels)

    torch.testing.assert_close(head.coder.weight.norm(dim=1), torch.ones(len(head.coder.weight)))


def test_a_class_without_images_cannot_own_atoms() -> None:
    head = make(start="class-means")

    with pytest.raises(ConfigError, match="each of the 1 atoms of a class, class 1 has 0"):
        head.start_from(torch.randn(8, 16), torch.zeros(8, dtype=torch.long))


def test_more_directions_than_images_allow_are_refused() -> None:
    head = make(start="class-means", nuisance=6)

    with pytest.raises(ConfigError, match="10 images of 5 classes and 16 features, which allow 5"):
        head.start_from(torch.randn(10, 16), torch.arange(5).repeat(2))


def test_an_atom_that_learning_leaves_empty_keeps_its_direction() -> None:
    head = make(readout="linear", atoms=24, start="dictionary-learning")

    head.start_from(torch.randn(10, 16), torch.arange(5).repeat(2))

    torch.testing.assert_close(head.coder.weight.norm(dim=1), torch.ones(24))


def test_a_head_awaits_data_until_it_was_trained_also_after_its_weights_were_read_back() -> None:
    head, random = make(start="class-means"), make()
    assert head.awaits_data
    assert not random.awaits_data

    settled(head)
    again = make(start="class-means")
    again.load_state_dict(head.state_dict())

    assert not head.awaits_data
    assert not again.awaits_data


def test_a_pruned_head_is_not_started_again() -> None:
    head = settled(make(start="class-means"))

    head.keep_features(torch.arange(3, 12))

    assert not head.awaits_data


def test_health_counts_what_was_worked_out_by_hand() -> None:
    head = make(num_classes=2, atoms=2)
    code = torch.tensor([[0.5, 0.0, 0.0, 0.0], [0.0, 0.2, 0.0, 0.0]])

    health = code_health(code, head.readout)

    assert health == CodeHealth(zeros=0.75, dead_atoms=0.5, silent_classes=1)
    assert not health.is_healthy


@pytest.mark.parametrize(
    "options",
    [
        {"steps": 6},
        {"steps": 0},
        {"penalty": 0.0},
        {"penalty": 9.0},
        {"atoms": 0},
        {"start": "class-means", "readout": "linear"},
        {"nuisance": 4},
        {"nuisance": -1, "start": "class-means"},
    ],
)
def test_options_out_of_range_are_refused(options: dict[str, float]) -> None:
    with pytest.raises(ConfigError, match="got"):
        SparseCoded.check(10, **options)
