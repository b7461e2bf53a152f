"""Every stem, block and head of the tables does what the rest of the toolkit relies on."""

from itertools import product
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch
from torch import Tensor, nn

from millinet.costs import count
from millinet.latency.folding import fold_batch_norms, inference_form
from search_spaces import (
    BLOCKS,
    HEADS,
    STEMS,
    Architecture,
    Head,
    Layers,
    Stage,
    Stem,
    reparameterise,
)
from search_spaces.tally import Tally

OPTIONS = {
    "dual_path": {"middle": 8, "dense": 4, "groups": 2},
    "dual_path_pre": {"middle": 8, "dense": 4, "groups": 2},
    "gnconv": {"scale": 0.5},
    "convnext": {"scale": 0.5},
    "perceptron": {"hidden": 8, "grid": 2, "dropout": 0.0},
}


def architecture(
    block: str = "basic", stem: str = "conv3", head: str = "dense", layers: Layers | None = None
) -> Architecture:
    """A network with the block at stride 1, at stride 2 and repeated."""
    options = OPTIONS.get(block, {})
    return Architecture(
        in_channels=3,
        num_classes=4,
        resolution=(16, 16),
        stem=Stem(name=stem, width=8),
        stages=(
            Stage(block=block, depth=2, width=8, options=options),
            Stage(block=block, depth=2, width=16, stride=2, options=options),
        ),
        head=Head(name=head, options=OPTIONS.get(head, {})),
        layers=layers or Layers(),
    )


def trained(model: nn.Module) -> nn.Module:
    """Give norms and dictionaries statistics other than those they start with."""
    model.train()
    with torch.no_grad():
        for _ in range(3):
            model(torch.randn(8, 3, 16, 16) + 0.5)
    return model.eval()


EVERY_PART = [
    *({"block": block} for block in sorted(BLOCKS)),
    *({"stem": stem} for stem in sorted(STEMS)),
    *({"head": head} for head in sorted(HEADS)),
]


def label(part: dict[str, str]) -> str:
    return "-".join(part.values())


EVERY_COMBINATION = list(product(sorted(BLOCKS), sorted(STEMS), sorted(HEADS)))


@pytest.mark.parametrize(("block", "stem", "head"), EVERY_COMBINATION)
def test_every_combination_trains_a_step_and_survives_json(block: str, stem: str, head: str) -> None:
    described = architecture(block, stem, head)
    model = described.build()

    logits = model(torch.randn(4, 3, 16, 16))
    logits.square().mean().backward()

    assert logits.shape == (4, 4)
    assert all(p.grad is not None and p.grad.isfinite().all() for p in model.parameters())
    assert Architecture.from_json(described.to_json()) == described


@pytest.mark.parametrize(("block", "stem", "head"), EVERY_COMBINATION)
def test_every_combination_costs_what_its_closed_form_says(block: str, stem: str, head: str) -> None:
    described = architecture(block, stem, head)
    with torch.device("meta"):
        model = described.build()

    counted = count(model, torch.empty(1, 3, 16, 16, device="meta"))

    assert described.tally() == Tally(counted.parameters, counted.macs)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning", "ignore::UserWarning")
@pytest.mark.parametrize(("block", "stem", "head"), EVERY_COMBINATION)
def test_every_combination_is_deterministic_folds_and_exports_with_a_free_batch_size(
    block: str, stem: str, head: str, tmp_path: Path
) -> None:
    models = []
    for _ in range(2):
        torch.manual_seed(7)
        models.append(trained(architecture(block, stem, head).build()))
    images, example = torch.randn(5, 3, 16, 16), torch.randn(2, 3, 16, 16)
    expected = as_array(models[0], images)

    form = inference_form(models[0], images)
    batch = torch.export.Dim("batch", min=1)
    program = torch.export.export(form, (example,), dynamic_shapes=({0: batch},))
    torch.onnx.export(program, (example,), tmp_path / "model.onnx", dynamo=True, verbose=False)
    session = onnxruntime.InferenceSession(tmp_path / "model.onnx", providers=["CPUExecutionProvider"])
    found = session.run(None, {session.get_inputs()[0].name: images.numpy()})[0]

    np.testing.assert_array_equal(as_array(models[1], images), expected)
    np.testing.assert_allclose(as_array(program.module(), images), expected, rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    "layers", [Layers(norm="group"), Layers(norm="layer"), Layers(norm="none", activation="silu")]
)
@pytest.mark.parametrize("block", sorted(BLOCKS))
def test_every_block_runs_with_other_layers(block: str, layers: Layers) -> None:
    model = architecture(block, layers=layers).build()

    assert model(torch.randn(2, 3, 16, 16)).isfinite().all()


@pytest.mark.parametrize("part", EVERY_PART, ids=label)
def test_the_same_seed_builds_the_same_network(part: dict[str, str]) -> None:
    images = torch.randn(2, 3, 16, 16)
    outputs = []
    for _ in range(2):
        torch.manual_seed(7)
        outputs.append(architecture(**part).build().eval()(images))

    assert torch.equal(*outputs)


@pytest.mark.parametrize("part", EVERY_PART, ids=label)
def test_an_image_does_not_depend_on_its_batch(part: dict[str, str]) -> None:
    model = trained(architecture(**part).build())
    images = torch.randn(4, 3, 16, 16)

    with torch.no_grad():
        torch.testing.assert_close(model(images)[1:2], model(images[1:2]), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("part", EVERY_PART, ids=label)
def test_costs_on_paper_equal_those_counted(part: dict[str, str]) -> None:
    described = architecture(**part)

    counted = count(described.build(), torch.zeros(1, 3, 16, 16))

    assert described.costs() == counted
    assert described.tally() == Tally(counted.parameters, counted.macs)


@pytest.mark.parametrize("part", EVERY_PART, ids=label)
def test_folding_batch_norms_keeps_the_output(part: dict[str, str]) -> None:
    model = trained(architecture(**part).build())
    images = torch.randn(4, 3, 16, 16)

    folded = fold_batch_norms(model, images)

    with torch.no_grad():
        torch.testing.assert_close(folded(images), model(images), rtol=1e-4, atol=1e-4)
    assert count_norms(folded) < count_norms(model)


def count_norms(model: nn.Module) -> int:
    return sum(isinstance(module, nn.BatchNorm2d) for module in model.modules())


DEPLOYED_OTHERWISE = [
    *({"block": name} for name, block in BLOCKS.items() if hasattr(block, "deployed")),
    {"block": "gnconv"},
    {"head": "sparse-coded"},
]


@pytest.mark.parametrize("part", DEPLOYED_OTHERWISE, ids=label)
def test_the_deployed_form_keeps_the_output_and_is_smaller(part: dict[str, str]) -> None:
    model = trained(architecture(**part).build())
    images = torch.randn(4, 3, 16, 16)

    deployed = reparameterise(model)

    with torch.no_grad():
        torch.testing.assert_close(deployed(images), model(images), rtol=1e-4, atol=1e-5)
    assert len(list(deployed.parameters())) < len(list(model.parameters()))


def test_what_is_measured_and_exported_has_merged_branches_and_no_batch_norm() -> None:
    model = trained(architecture("repvgg", head="sparse-coded").build())
    images = torch.randn(4, 3, 16, 16)

    form = inference_form(model, images)

    with torch.no_grad():
        torch.testing.assert_close(form(images), model(images), rtol=1e-4, atol=1e-5)
    assert not [module for module in form.modules() if isinstance(module, nn.BatchNorm2d | nn.BatchNorm1d)]
    # One convolution a block, and one of the stem.
    assert sum(isinstance(module, nn.Conv2d) for module in form.modules()) == 4 + 1


@pytest.mark.parametrize("norm", ["group", "layer"])
@pytest.mark.parametrize("block", ["repvgg", "dual_path"])
def test_branches_whose_norms_depend_on_the_image_stay(block: str, norm: str) -> None:
    model = architecture(block, layers=Layers(norm=norm)).build().eval()
    images = torch.randn(4, 3, 16, 16)

    torch.testing.assert_close(reparameterise(model)(images), model(images))


@pytest.mark.parametrize("part", EVERY_PART, ids=label)
def test_exports_with_a_free_batch_size(part: dict[str, str]) -> None:
    model = trained(architecture(**part).build())
    images = torch.randn(5, 3, 16, 16)

    exported = torch.export.export(
        model, (torch.randn(2, 3, 16, 16),), dynamic_shapes=({0: torch.export.Dim("batch", min=1)},)
    )

    torch.testing.assert_close(exported.module()(images), model(images), rtol=1e-4, atol=1e-5)


def as_array(model: nn.Module, images: Tensor) -> np.ndarray:
    with torch.no_grad():
        return model(images).numpy()
