"""From the code of a dictionary to logits: by the error of each class, or by a linear layer."""

import math

import torch
from torch import Tensor, nn


class ResidualReadout(nn.Module):
    """Minus each class's squared reconstruction error, up to a constant, times a learnt scale.

    With b the correlations, z the code and G the Gram matrix, the logit of class c is
    a (2 b_c . z_c - z_c^T G_cc z_c); nothing larger than (batch, atoms) is formed (Wright et al., 2009).
    """

    membership: Tensor

    def __init__(self, num_classes: int, atoms_per_class: int) -> None:
        super().__init__()
        self.log_scale = nn.Parameter(torch.tensor(math.log(10.0)))
        self.register_buffer("membership", class_membership(num_classes, atoms_per_class))

    def forward(self, code: Tensor, correlations: Tensor, gram: Tensor) -> Tensor:
        """Map code and correlations (batch, atoms) to logits (batch, classes)."""
        explained = (2.0 * correlations - code @ self.within(gram)) * code
        return self.log_scale.exp() * (explained @ self.membership)

    def within(self, gram: Tensor) -> Tensor:
        """Return the Gram matrix without the products of atoms of different classes."""
        return gram * (self.membership @ self.membership.T)

    def keep_atoms(self, kept: Tensor) -> None:
        """Remove every atom but `kept` (indices), in place."""
        self.membership = self.membership[kept].clone()


class LinearReadout(nn.Module):
    """A linear layer on the code."""

    def __init__(self, num_atoms: int, num_classes: int) -> None:
        super().__init__()
        self.linear = nn.Linear(num_atoms, num_classes)

    def forward(self, code: Tensor, _: Tensor, __: Tensor) -> Tensor:
        """Map the code (batch, atoms) to logits (batch, classes)."""
        return self.linear(code)

    @torch.no_grad()
    def keep_atoms(self, kept: Tensor) -> None:
        """Remove every atom but `kept` (indices), in place."""
        self.linear.weight = nn.Parameter(self.linear.weight[:, kept].clone())
        self.linear.in_features = len(kept)


Readout = ResidualReadout | LinearReadout


def class_membership(num_classes: int, atoms_per_class: int) -> Tensor:
    """Tell which class owns each atom: ones at (atom, class), shape (atoms, classes)."""
    return torch.eye(num_classes).repeat_interleave(atoms_per_class, dim=0)
