"""Prove that a block can be searched, before a search meets it: every claim is tried, every failure told."""

from collections.abc import Callable, Mapping
from functools import partial
from importlib.metadata import entry_points
from typing import Any, Final, NamedTuple

import torch
from torch import Tensor, nn

from millinet.costs import count, count_parameters
from search_spaces.architecture import Architecture
from search_spaces.description import Stage, Stem

RESOLUTION: Final = (12, 12)
"""Height and width of the images a block is tried on: small, and halved twice without a remainder."""
PRUNING: Final = "half of its channels can be pruned away, exactly"
"""The claim that needs a pruner, which the distribution of `compress` installs."""
_TOLERANCE: Final = 1e-4

Prune = Callable[..., Any]
"""Takes a model, an example and `channel_ratio`; raises where the model cannot be pruned exactly."""


class Finding(NamedTuple):
    """What came of one claim."""

    claim: str
    problem: str
    """Empty where the claim holds."""

    @property
    def holds(self) -> bool:
        """Whether nothing speaks against the claim."""
        return not self.problem


def check_block(name: str, *, prune: Prune | None = None) -> list[Finding]:
    """Try every claim on a small network of the block.

    Args:
        name: A block of the table or of a loaded plug-in.
        prune: Prunes a model; None takes that of the entry-point group `millinet.pruners`, if there is one.
    """
    pruner = prune or _installed_pruner()
    claims = dict(CLAIMS)
    if pruner is not None:
        claims[PRUNING] = partial(_prunes, pruner)
    return [Finding(claim, _problem(partial(attempt, name))) for claim, attempt in claims.items()]


def _installed_pruner() -> Prune | None:
    return next((entry.load() for entry in entry_points(group="millinet.pruners")), None)


def _problem(attempt: Callable[[], str]) -> str:
    try:
        return attempt()
    except Exception as error:  # noqa: BLE001 - whatever foreign code raises is a finding for its author
        return f"{type(error).__name__}: {str(error).strip().splitlines()[0] if str(error).strip() else ''}"


def _network(name: str, *, stride: int = 2) -> Architecture:
    return Architecture(
        in_channels=3,
        num_classes=4,
        resolution=RESOLUTION,
        stem=Stem(name="conv3", width=32),
        stages=(
            Stage(block=name, depth=2, width=32, stride=stride),
            Stage(block=name, depth=2, width=64, stride=stride),
        ),
    )


def _images(num_images: int = 4) -> Tensor:
    return torch.randn(num_images, 3, *RESOLUTION, generator=torch.Generator().manual_seed(0))


def _settled(name: str) -> nn.Module:
    """Build the network and give its norms statistics other than those they start with."""
    model = _network(name).build()
    with torch.no_grad():
        model(_images(8) + 0.5)
    return model.eval()


def _has_shapes(name: str) -> str:
    for stride in (1, 2):
        described = _network(name, stride=stride)
        features = described.build().stage_features(_images())
        for stage, planned in zip(features, described.plan().stages, strict=True):
            expected = (4, planned[-1].outgoing.channels, *planned[-1].outgoing.resolution)
            if tuple(stage.shape) != expected:
                return f"at stride {stride} it should give {expected}, got {tuple(stage.shape)}"
    return ""


def _has_gradients(name: str) -> str:
    model = _network(name).build()
    model(_images()).square().mean().backward()
    for parameter_name, parameter in model.named_parameters():
        if parameter.grad is None or not parameter.grad.isfinite().all():
            return f"{parameter_name} gets no finite gradient; is it used in forward?"
    return ""


def _is_deterministic(name: str) -> str:
    outputs = []
    for _ in range(2):
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            outputs.append(_network(name).build().eval()(_images()))
    return "" if torch.equal(*outputs) else "the same seed gives another output"


def _is_independent(name: str) -> str:
    model = _settled(name)
    with torch.no_grad():
        gap = _gap(model(_images())[:1], model(_images()[:1]))
    return "" if gap <= _TOLERANCE else f"in eval mode an image's output depends on its batch, by {gap:.2g}"


def _is_counted(name: str) -> str:
    described = _network(name)
    expected = count(described.build(), torch.zeros(1, 3, *RESOLUTION))
    found = described.costs()
    return "" if found == expected else f"costs on paper are {found}, those of the model {expected}"


def _exports(name: str) -> str:
    model = _settled(name)
    batch = torch.export.Dim("batch", min=1)
    exported = torch.export.export(model, (_images(2),), dynamic_shapes=({0: batch},))
    with torch.no_grad():
        gap = _gap(exported.module()(_images(5)), model(_images(5)))
    return "" if gap <= _TOLERANCE else f"the exported graph differs by {gap:.2g}"


def _prunes(prune: Prune, name: str) -> str:
    model = _settled(name)
    pruned = prune(model, _images(2), channel_ratio=0.5)
    is_smaller = count_parameters(pruned.model) < count_parameters(model)
    return "" if is_smaller else "no channel could be removed"


def _gap(found: Tensor, expected: Tensor) -> float:
    return ((found - expected).abs().max() / expected.abs().max().clamp_min(1e-6)).item()


CLAIMS: Final[Mapping[str, Callable[[str], str]]] = {
    "shapes are as declared at strides 1 and 2": _has_shapes,
    "every parameter gets a gradient": _has_gradients,
    "the same seed gives the same network": _is_deterministic,
    "an image's output does not depend on its batch": _is_independent,
    "costs on paper equal those counted": _is_counted,
    "it exports with a free batch size": _exports,
}
"""Claims and how each is tried; a trial returns the problem, or nothing."""
