"""A sparse-coded head for inference: everything that no longer changes is multiplied out."""

import torch
import torch.nn.functional as F  # noqa: N812 - torch's own name for it
from torch import Tensor, nn

from search_spaces.heads.dictionary import Dictionary
from search_spaces.heads.readouts import LinearReadout, Readout


class FoldedDictionary(nn.Module):
    """Dictionary and read-out with constant matrices; one matrix product and a ReLU a step.

    With D the atoms, G their Gram matrix and L the step's bound, a step is relu(z (I - G / L) + push) where
    push = x D^T / L - penalty / L.
    """

    mean: Tensor
    """Running mean of each feature, shape (features,)."""
    scale: Tensor
    """One over the running deviation of each feature, shape (features,)."""
    analysis: Tensor
    """D^T / L, shape (features, atoms)."""
    offset: Tensor
    """-penalty / L, shape (atoms,)."""
    recurrence: Tensor
    """I - G / L, shape (atoms, atoms)."""

    @torch.no_grad()
    def __init__(self, dictionary: Dictionary, readout: Readout) -> None:
        super().__init__()
        self.steps = dictionary.steps
        norm = dictionary.normalise
        if norm.running_mean is None or norm.running_var is None:
            raise AssertionError("the norm of a dictionary keeps statistics")
        atoms, bound = dictionary.atoms(), dictionary.bound
        gram = atoms @ atoms.T
        self.register_buffer("mean", norm.running_mean.clone())
        self.register_buffer("scale", torch.rsqrt(norm.running_var + norm.eps))
        self.register_buffer("analysis", (atoms.T / bound).contiguous())
        self.register_buffer("offset", -dictionary.log_penalty.exp() / bound)
        self.register_buffer("recurrence", torch.eye(len(atoms), device=atoms.device) - gram / bound)
        self.read = _fold_readout(readout, gram, bound, self.offset)

    def forward(self, features: Tensor) -> Tensor:
        """Map features (batch, features) to logits (batch, classes)."""
        x = F.normalize((features - self.mean) * self.scale, dim=1)
        push = torch.addmm(self.offset, x, self.analysis)
        code = F.relu(push)
        for _ in range(self.steps - 1):
            code = F.relu(torch.addmm(push, code, self.recurrence))
        return self.read(code, push)


class _Residual(nn.Module):
    """Class scores from code and push, the shapes of both being (batch, atoms)."""

    within: Tensor
    shift: Tensor
    membership: Tensor
    gain: Tensor

    def __init__(self, *, within: Tensor, shift: Tensor, membership: Tensor, gain: Tensor) -> None:
        super().__init__()
        self.register_buffer("within", within)
        self.register_buffer("shift", shift)
        self.register_buffer("membership", membership)
        self.register_buffer("gain", gain)

    def forward(self, code: Tensor, push: Tensor) -> Tensor:
        explained = torch.addmm(push * self.gain + self.shift, code, self.within) * code
        return explained @ self.membership


class _Linear(nn.Module):
    def __init__(self, linear: nn.Linear) -> None:
        super().__init__()
        self.linear = linear

    def forward(self, code: Tensor, _: Tensor) -> Tensor:
        return self.linear(code)


def _fold_readout(readout: Readout, gram: Tensor, bound: Tensor, offset: Tensor) -> nn.Module:
    """Fold 2 b - z G_within into gain, shift and one matrix; b is (push - offset) L."""
    if isinstance(readout, LinearReadout):
        return _Linear(readout.linear)
    return _Residual(
        within=-readout.within(gram),
        shift=-2.0 * bound * offset,
        membership=readout.membership * readout.log_scale.exp(),
        gain=2.0 * bound,
    )
