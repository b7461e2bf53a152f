"""A dictionary that codes features by a few shrinkage steps, differentiable throughout.

The steps are those of iterative shrinkage and thresholding (Daubechies et al., 2004), with the ReLU as the
threshold because codes are not negative; unrolled, they are layers to train through (Gregor and LeCun,
2010).
"""

import math
from typing import Final, NamedTuple

import torch
import torch.nn.functional as F  # noqa: N812 - torch's own name for it
from torch import Tensor, nn

MARGIN: Final = 1.05
"""Factor on the estimated largest eigenvalue, which power iteration meets from below."""


class Coding(NamedTuple):
    """What a dictionary found."""

    code: Tensor
    """Non-negative weights of the atoms, shape (batch, atoms)."""
    correlations: Tensor
    """Inner product of each atom with the normalised features, shape (batch, atoms)."""
    gram: Tensor
    """Inner products of the atoms, shape (atoms, atoms)."""


class Dictionary(nn.Module):
    """Solve min over z >= 0 of |x - D^T z|^2 / 2 + penalty . z, for x and rows of D of length 1.

    Features are normalised by running statistics without a learnt affine map, then to unit length. The step
    is 1 / L with L the largest eigenvalue of the Gram matrix: three power iterations a training step continue
    from the last one's vector, and no gradient flows through L.

    Axis 1 of `weight` and the statistics are features; axis 0 of `weight`, `log_penalty` and `power` are
    atoms.
    """

    power: Tensor
    bound: Tensor

    def __init__(self, num_features: int, num_atoms: int, *, steps: int, penalty: float) -> None:
        super().__init__()
        self.steps = steps
        self.normalise = nn.BatchNorm1d(num_features, affine=False)
        self.weight = nn.Parameter(F.normalize(torch.randn(num_atoms, num_features), dim=1))
        self.log_penalty = nn.Parameter(torch.full((num_atoms,), math.log(penalty)))
        self.register_buffer("power", torch.full((num_atoms,), num_atoms**-0.5))
        self.register_buffer("bound", torch.ones(()))
        self.is_checked = False
        # A training begun again from its first weights begins with its first penalties, too.
        self.register_load_state_dict_post_hook(_check_again)  # type: ignore[no-untyped-call]
        self.refresh_bound()

    def forward(self, features: Tensor) -> Coding:
        """Code features (batch, features)."""
        x, atoms = self.unit_features(features), self.atoms()
        gram = atoms @ atoms.T
        if self.training:
            self._iterate_power(gram, 3)
        correlations = x @ atoms.T
        if self.training and not self.is_checked:
            self._check_penalty(correlations)
        # A copy, for the buffer changes in place before the backward pass of an earlier call may come.
        return Coding(self._shrink(correlations, gram, self.bound.clone()), correlations, gram)

    def unit_features(self, features: Tensor) -> Tensor:
        """Normalise features (batch, features) by their statistics, then each row to unit length."""
        return F.normalize(self.normalise(features), dim=1)

    def atoms(self) -> Tensor:
        """Return the atoms as unit rows, shape (atoms, features)."""
        return F.normalize(self.weight, dim=1)

    @property
    def has_trained(self) -> bool:
        """Whether a training step was ever taken; this travels with the weights."""
        tracked = self.normalise.num_batches_tracked
        return tracked is not None and bool(tracked > 0)

    @torch.no_grad()
    def take_statistics(self, features: Tensor) -> None:
        """Take mean and variance of features (images, features) for those of the norm."""
        norm = self.normalise
        for buffer, value in ((norm.running_mean, features.mean(0)), (norm.running_var, features.var(0))):
            if buffer is not None:
                buffer.copy_(value)

    def refresh_bound(self) -> None:
        """Bring the step size up to date after the atoms were replaced."""
        with torch.no_grad():
            atoms = self.atoms()
            self._iterate_power(atoms @ atoms.T, 30)

    @torch.no_grad()
    def keep_features(self, kept: Tensor) -> None:
        """Remove every feature but `kept` (indices), in place."""
        self.weight = nn.Parameter(self.weight[:, kept].clone())
        norm = nn.BatchNorm1d(len(kept), affine=False, eps=self.normalise.eps).to(self.weight.device)
        for name in ("running_mean", "running_var"):
            getattr(norm, name).copy_(getattr(self.normalise, name)[kept])
        norm.num_batches_tracked = self.normalise.num_batches_tracked
        self.normalise = norm.train(self.normalise.training)

    @torch.no_grad()
    def keep_atoms(self, kept: Tensor) -> None:
        """Remove every atom but `kept` (indices), in place; exact for atoms that no code uses, as L stays."""
        self.weight = nn.Parameter(self.weight[kept].clone())
        self.log_penalty = nn.Parameter(self.log_penalty[kept].clone())
        self.power = self.power[kept].clone()

    def _shrink(self, correlations: Tensor, gram: Tensor, bound: Tensor) -> Tensor:
        push = (correlations - self.log_penalty.exp()) / bound
        code = F.relu(push)
        for _ in range(self.steps - 1):
            code = F.relu(code - code @ gram / bound + push)
        return code

    @torch.no_grad()
    def _iterate_power(self, gram: Tensor, num_iterations: int) -> None:
        vector = self.power
        for _ in range(num_iterations):
            vector = F.normalize(gram @ vector, dim=0)
        self.power.copy_(vector)
        self.bound.copy_(MARGIN * (vector @ gram @ vector))

    @torch.no_grad()
    def _check_penalty(self, correlations: Tensor) -> None:
        """Lower penalties, once, that would keep every atom silent: such a head could never learn."""
        self.is_checked = True
        is_silent = (correlations <= self.log_penalty.exp()).all()
        half_of_loudest = (0.5 * correlations.amax(dim=1).median()).clamp_min(1e-3).log()
        # No branch on a value: that would wait for the device, and fail on the meta device.
        self.log_penalty.copy_(torch.where(is_silent, half_of_loudest, self.log_penalty))


def _check_again(dictionary: Dictionary, _: object) -> None:
    dictionary.is_checked = False
